from jaxguide import identities


def test_new_and_lost_entries_are_named():
  found = list(identities.differences({"a": 1, "b": [1]}, {"b": [2], "c": 2}))
  assert found == ['a: 1 -> "nothing"', "b: [1] -> [2]", 'c: "nothing" -> 2']


def test_equal_values_give_equal_text_and_nothing_differs():
  value = {"size": (8, 8), "name": "é", "inner": {"rate": 0.1}}
  assert identities.plain(value) == {
      "size": [8, 8], "name": "é", "inner": {"rate": 0.1}}
  assert not list(identities.differences(
      identities.plain(value), identities.plain(dict(value))))
  text = identities.to_json(value)
  assert text == identities.to_json(identities.plain(value))
  assert text.endswith("}\n") and "é" in text
