"""Attention, and the orders in which checkpoints keep q, k and v."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp

from jaxguide import arrays
from jaxguide.models import batch_invariant

IMPLEMENTATIONS = ("auto", "matmul", "dot_product")
QKV_ORDERS = ("legacy", "new")


@jax.custom_vjp
def _attend(q, k, v):
  return _attend_forward(q, k, v)[0]


def _attend_forward(q, k, v):
  logits = jnp.matmul(q, k.swapaxes(1, 2)).astype(jnp.float32)
  weights = jax.nn.softmax(logits, axis=-1).astype(v.dtype)
  return jnp.matmul(weights, v), (q, k, v, weights)


def _attend_backward(saved, cotangent):
  q, k, v, weights = saved
  v_bar = jnp.matmul(weights.swapaxes(1, 2), cotangent)
  weights_bar = jnp.matmul(cotangent, v.swapaxes(1, 2)).astype(jnp.float32)
  weights = weights.astype(jnp.float32)
  inner = jnp.sum(weights * weights_bar, axis=-1, keepdims=True)
  logits_bar = (weights * (weights_bar - inner)).astype(q.dtype)
  q_bar = jnp.matmul(logits_bar, k)
  return q_bar, jnp.matmul(logits_bar.swapaxes(1, 2), q), v_bar


_attend.defvjp(_attend_forward, _attend_backward)


def split_qkv(
    qkv: jax.Array, num_heads: int, order: str,
) -> tuple[jax.Array, jax.Array, jax.Array]:
  """Splits a projection `[B, T, 3C]` into q, k, v, each `[B, T, heads, d]`.

  The two orders of the ADM checkpoints have the same shapes, so that the
  wrong one loads silently: "legacy" keeps head, then q/k/v, then d; "new"
  keeps q/k/v, then head, then d.

  Args:
    qkv: `[B, T, 3C]`.
    num_heads: divides C.
    order: "legacy" or "new".

  Raises:
    ValueError: an unknown order, or heads that do not divide C.
  """
  arrays.check_choice("qkv_order", order, QKV_ORDERS)
  batch, tokens, width = qkv.shape
  if width % (3 * num_heads):
    raise ValueError(
        f"num_heads is {num_heads}; it must divide the {width // 3} channels")
  size = width // (3 * num_heads)
  if order == "legacy":
    parts = qkv.reshape(batch, tokens, num_heads, 3, size)
    return parts[..., 0, :], parts[..., 1, :], parts[..., 2, :]
  parts = qkv.reshape(batch, tokens, 3, num_heads, size)
  return parts[:, :, 0], parts[:, :, 1], parts[:, :, 2]


def attention(
    q: jax.Array, k: jax.Array, v: jax.Array, *, impl: str = "auto",
) -> jax.Array:
  """softmax(q k^T / sqrt(d)) v over tokens, per head (arXiv:1706.03762 Eq. 1).

  Args:
    q: `[B, T, heads, d]`.
    k: `[B, S, heads, d]`.
    v: `[B, S, heads, d]`.
    impl: "matmul": batched matmuls, q and k each scaled by d^(-1/4), softmax
      in float32; "dot_product": `jax.nn.dot_product_attention`, which has a
      fused kernel for half precision on some GPUs; "auto": the latter for
      half precision on GPU, else the former.

  Returns:
    `[B, T, heads * d]`; head h occupies channels h d to (h + 1) d - 1.
  """
  arrays.check_choice("attention_impl", impl, IMPLEMENTATIONS)
  batch, tokens, heads, size = q.shape
  if impl == "auto":
    half = q.dtype in (jnp.bfloat16, jnp.float16)
    gpu = jax.default_backend() == "gpu"
    impl = "dot_product" if half and gpu else "matmul"
  if impl == "dot_product":
    out = jax.nn.dot_product_attention(q, k, v)
    return out.reshape(batch, tokens, heads * size)
  scale = 1.0 / math.sqrt(math.sqrt(size))
  q, k, v = (part.swapaxes(1, 2) for part in (q * scale, k * scale, v))
  out = _steady_attend(q, k, v).swapaxes(1, 2)
  return out.reshape(batch, tokens, heads * size)


def _steady_attend(q, k, v):
  """`_attend` on `[B, heads, T, d]`, the same bits in any batch."""
  if batch_invariant.on_cpu() and q.shape[2] < batch_invariant.FEW_PIXELS:
    return jax.lax.map(lambda image: _attend(*image), (q, k, v))
  flat = tuple(part.reshape(-1, *part.shape[2:]) for part in (q, k, v))
  # Without the barriers the compiler fuses neighbours into the matmuls in
  # ways that depend on the batch, and the last bits with them.
  flat = jax.lax.optimization_barrier(flat)
  return jax.lax.optimization_barrier(_attend(*flat)).reshape(q.shape)
