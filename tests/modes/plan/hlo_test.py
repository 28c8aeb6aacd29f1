"""Counts of a small program whose text was written for the test."""

import pytest

from gan_jax.modes.plan import hlo

# Two steps a call; a nested loop of three; a branch; types as a TPU's compiler writes them.
PROGRAM = """HloModule steps, is_scheduled=true

%add (a: f32[], b: f32[]) -> f32[] {
  %a = f32[]{:T(128)} parameter(0)
  %b = f32[]{:T(128)} parameter(1)
  ROOT %sum = f32[]{:T(128)} add(%a, %b)
}

%fused (p0: bf16[8,4], p1: bf16[4,2]) -> f32[8,2] {
  %p0 = bf16[8,4]{1,0:T(8,128)(2,1)} parameter(0)
  %p1 = bf16[4,2]{1,0:T(8,128)(2,1)} parameter(1)
  ROOT %conv = f32[8,2]{1,0:T(8,128)S(1)} convolution(%p0, %p1), dim_labels=bf_io->bf
}

%inner_condition (q: (s32[], f32[4])) -> pred[] {
  %three = s32[]{:T(128)} constant(3)
  %q = (s32[]{:T(128)}, f32[4]{0}) parameter(0)
  %i = s32[]{:T(128)} get-tuple-element(%q), index=0
  ROOT %lt = pred[]{:T(512)} compare(%i, %three), direction=LT, metadata={op_name="while/lt"}
}

%inner_body (r: (s32[], f32[4])) -> (s32[], f32[4]) {
  %r = (s32[]{:T(128)}, f32[4]{0}) parameter(0)
  %x = f32[4]{0} get-tuple-element(%r), index=1
  %reduced = (f32[4]{0}, bf16[2,2]{1,0}) all-reduce(%x, %x), channel_id=1, to_apply=%add
  ROOT %t = (s32[]{:T(128)}, f32[4]{0}) tuple(%x, %x)
}

%rare (s: f32[6]) -> f32[6] {
  %s = f32[6]{0} parameter(0)
  ROOT %rare_sum = f32[6]{0} all-reduce(%s), channel_id=2, to_apply=%add
}

%often (u: f32[6]) -> f32[6] {
  ROOT %u = f32[6]{0} parameter(0)
}

%condition (v: (s32[], f32[4])) -> pred[] {
  %v = (s32[]{:T(128)}, f32[4]{0}) parameter(0)
  %two = s32[]{:T(128)} constant(2)
  %j = s32[]{:T(128)} get-tuple-element(%v), index=0
  ROOT %lt.1 = pred[]{:T(512)} compare(%j, %two), direction=LT
}

%body (w: (s32[], /*index=1*/f32[4])) -> (s32[], f32[4]) {
  %w = (s32[]{:T(128)}, /*index=1*/f32[4]{0}) parameter(0)
  %left = bf16[8,4]{1,0} constant({...})
  %product = f32[8,2]{1,0} fusion(%left, %left), kind=kOutput, calls=%fused
  %a32 = f32[8,4]{1,0} constant({...})
  %dot = f32[8,8]{1,0} dot(%a32, %a32), operand_precision={highest,highest}
  %start = (f32[6]{0}, f32[24]{0}) all-gather-start(%six), channel_id=3, dimensions={0}
  %done = f32[24]{0} all-gather-done(%start)
  %six = f32[6]{0} constant({...})
  %maybe = f32[6]{0} conditional(%k, %six, %six), branch_computations={%often, %rare}
  ROOT %while.1 = (s32[], f32[4]{0}) while(%w), condition=%inner_condition, body=%inner_body
}

ENTRY %main (y: (s32[], f32[4])) -> (s32[], f32[4]) {
  %y = (s32[]{:T(128)}, f32[4]{0}) parameter(0)
  %once = f32[2]{0} all-to-all(%y), channel_id=4
  ROOT %while = (s32[], f32[4]{0}) while(%y), condition=%condition, body=%body
}
"""


def test_a_program_is_counted_per_step():
    counts = hlo.count(PROGRAM, steps=2)
    assert counts.collectives == {
        # Once per call of two steps.
        "all-to-all": {"count": 0.5, "bytes": 0.5 * 8},
        # Three times per step: four float32 and four bfloat16.
        "all-reduce": {"count": 3, "bytes": 3 * (16 + 8)},
        # What is gathered, without the operand that stands next to it.
        "all-gather": {"count": 1, "bytes": 24 * 4},
    }
    assert counts.in_conditionals == {"all-reduce": {"count": 1, "bytes": 24}}
    assert counts.products == {"bf16 x bf16": 1, "f32 x f32 highest": 1}


def test_a_loop_of_unknown_length_is_refused_only_if_it_matters():
    endless = PROGRAM.replace("constant(3)", "parameter(1)")
    with pytest.raises(ValueError, match=r"how often the loop while\.1 runs is not known"):
        hlo.count(endless, steps=2)
    assert "all-reduce" not in hlo.count(endless.replace(" all-reduce(", " add("), steps=2).products
    told = 'body=%inner_body, backend_config={"known_trip_count":{"n":"7"}}'
    counts = hlo.count(endless.replace("body=%inner_body", told), steps=2)
    assert counts.collectives["all-reduce"]["count"] == 7


def test_text_that_is_no_program_is_refused():
    with pytest.raises(ValueError, match="no ENTRY"):
        hlo.count("HloModule nothing\n", steps=1)


@pytest.mark.parametrize(
    ("text", "size"),
    [("f32[2,3]{1,0:T(8,128)S(1)}", 24), ("(bf16[4], s8[3]{0}, pred[])", 12), ("token[]", 0)],
)
def test_bytes_of_a_type(text, size):
    assert hlo.array_bytes(text) == size


def test_a_program_of_this_machine():
    import jax
    import jax.numpy as jnp

    def steps(x, y):
        return jax.lax.scan(lambda carry, _: (carry @ y, None), x, None, length=5)[0]

    shape = jax.ShapeDtypeStruct((4, 4), jnp.float32)
    text = jax.jit(steps).lower(shape, shape).compile().as_text()
    _, computations = hlo.parse(text)
    assert "while" in {one.opcode for found in computations.values() for one in found}
    assert hlo.count(text, steps=5) == ({}, {}, {"f32 x f32": 1})
