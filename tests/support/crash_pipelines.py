"""Pipelines with everything that can be interrupted: each call's `name` is its place."""

from __future__ import annotations

__all__ = ["EVERYTHING", "IN_PLACE", "KNOWING", "KNOWN", "PART", "SHORT", "TRACKED", "WAITING"]

SHORT = """
version: 1
name: short
stages:
  first: {run: store, with: {name: first, value: 1.0}}
  second:
    for_each: {i: [1, 2]}
    run: store
    with:
      name: second[i=${{ each.i }}]
      value: ${{ stages.first.value + each.i }}
      sources: ["${{ stages.first.product }}"]
outputs: {products: "${{ stages.second.product }}"}
"""

PART = """
version: 1
name: part
params: {value: {type: number}, place: {type: string}}
stages:
  a: {run: store, with: {name: "${{ params.place }}/a", value: "${{ params.value }}"}}
  b:
    run: store
    with:
      name: ${{ params.place }}/b
      value: ${{ stages.a.value * 2 }}
      sources: ["${{ stages.a.product }}"]
outputs: {product: "${{ stages.b.product }}"}
"""

EVERYTHING = """
version: 1
name: everything
stages:
  start: {run: store, with: {name: start, value: 1.0}}
  spread:
    for_each: {i: "${{ range(6) }}"}
    min_success: 5
    run: store
    with:
      name: spread[i=${{ each.i }}]
      value: ${{ stages.start.value + each.i }}
      broken: ${{ each.i == 3 }}
      sources: ["${{ stages.start.product }}"]
  gathered:
    run: store
    with:
      name: gathered
      value: ${{ stages.spread.value | sum }}
      sources: ${{ stages.spread.product }}
  batched:
    for_each: {i: "${{ range(7) }}"}
    batch: 3
    run: draw
    with: {name: "batched[i=${{ each.i }}]"}
  solve:
    loop:
      max_iterations: 6
      state:
        level: {init: 0.0, next: "${{ state.level + steps.image.value }}"}
        model: {init: "${{ stages.start.product }}", next: "${{ steps.image.product }}"}
      until: ${{ loop.index >= 4 }}
      keep: best
      score: ${{ steps.judge.value }}
    steps:
      image:
        run: store
        with:
          name: solve#${{ loop.index }}/image
          value: ${{ state.level + loop.index }}
          sources: ["${{ state.model }}"]
      judge: {run: draw, with: {name: "solve#${{ loop.index }}/judge"}}
    outputs: {product: "${{ steps.image.product }}", value: "${{ steps.judge.value }}"}
  flaky:
    run: flaky
    retries: {max: 3, delay: 1ms}
    with: {name: flaky, times: 2, value: 7.0}
  again:
    retries: {max: 2, delay: 1ms}
    steps:
      a: {run: store, with: {name: again/a, value: "${{ stages.flaky.value }}"}}
      b: {run: flaky, needs: [a], with: {name: again/b, times: 1, value: 3.0}}
      c:
        run: store
        with:
          name: again/c
          value: ${{ steps.a.value + steps.b.value }}
          sources: ["${{ steps.a.product }}"]
    outputs: {product: "${{ steps.c.product }}"}
  never:
    when: ${{ stages.start.value > 5 }}
    run: store
    with: {name: never}
  optional:
    when: ${{ stages.start.value < 5 }}
    run: store
    with: {name: optional, value: 2.0}
  part: {use: part.yaml, with: {value: "${{ stages.gathered.value }}", place: part}}
  last:
    run: store
    with:
      name: last
      value: ${{ stages.optional.value | default(0) }}
      sources:
        - ${{ stages.solve.product }}
        - ${{ stages.again.product }}
        - ${{ stages.part.product }}
outputs:
  last: ${{ stages.last.product }}
  failed: ${{ stages.spread.failed }}
  batched: ${{ stages.batched.value }}
  iterations: ${{ stages.solve.iterations }}
  history: ${{ stages.solve.history }}
"""

# It goes on when somebody says so.
WAITING = """
version: 1
name: waiting
stages:
  before: {run: store, with: {name: before, value: 1.0}}
  hold: {run: wait, with: {name: hold, value: "${{ stages.before.value }}"}}
  after:
    run: store
    with:
      name: after
      value: ${{ stages.hold.value }}
      sources: ["${{ stages.before.product }}"]
outputs: {product: "${{ stages.after.product }}"}
"""

IN_PLACE = """
version: 1
name: in_place
stages: {change: {run: change, with: {name: change}}}
"""

# Everything that the context may be told by what fails, is tried again, is not kept or fits.
KNOWING = """
version: 1
name: knowing
context:
  seen: {type: array, items: {type: object}, collection: true}
  level: {type: number}
stages:
  start: {run: tell, with: {name: start, key: level, value: 1.0}}
  spread:
    for_each: {i: "${{ range(6) }}"}
    min_success: 5
    run: tell
    with:
      name: spread[i=${{ each.i }}]
      key: seen
      value: {i: "${{ each.i }}"}
      broken: ${{ each.i == 3 }}
      sources: ["${{ stages.start.product }}"]
  bad:
    run: withdraw
    with: {name: bad, product: "${{ stages.spread.product[1] }}"}
  flaky:
    run: tell
    retries: {max: 3, delay: 1ms}
    with: {name: flaky, key: flaky, value: 2, times: 2}
  again:
    retries: {max: 2, delay: 1ms}
    steps:
      a:
        run: tell
        with: {name: again/a, key: again, value: a, sources: ["${{ stages.start.product }}"]}
      b: {run: tell, with: {name: again/b, key: seen, value: {i: b}, times: 1}, needs: [a]}
      c: {run: withdraw, with: {name: again/c, product: "${{ steps.a.product }}"}, needs: [b]}
      d: {run: tell, with: {name: again/d, key: again, value: d}, needs: [c]}
    outputs: {product: "${{ steps.d.product }}"}
  solve:
    needs: [bad]
    loop:
      max_iterations: 6
      state:
        model: {init: "${{ stages.start.product }}", next: "${{ steps.image.product }}"}
      until: ${{ loop.index >= 5 }}
      keep: best
      score: ${{ steps.judge.value }}
    steps:
      image:
        run: tell
        with:
          name: solve#${{ loop.index }}/image
          key: level
          value: ${{ loop.index + 1.0 }}
          sources: ["${{ state.model }}"]
      judge: {run: draw, with: {name: "solve#${{ loop.index }}/judge"}}
      inside:
        run: look
        with: {name: "solve#${{ loop.index }}/inside", of: "${{ steps.image.value }}"}
    outputs: {value: "${{ steps.judge.value }}", seen: "${{ steps.inside.product }}"}
  early: {run: look, with: {name: early}, needs: [spread, flaky]}
  part: {use: known.yaml, with: {place: part}, needs: [solve, again]}
  last: {run: look, with: {name: last}, needs: [part, early]}
outputs:
  early: ${{ stages.early.product }}
  last: ${{ stages.last.product }}
  inside: ${{ stages.solve.seen }}
"""

KNOWN = """
version: 1
name: known
params: {place: {type: string}}
stages:
  one: {run: tell, with: {name: "${{ params.place }}/one", key: level, value: 10.0}}
  two:
    run: withdraw
    with: {name: "${{ params.place }}/two", product: "${{ stages.one.product }}"}
outputs: {value: "${{ stages.one.value }}"}
"""

# Prefect takes most of its time: the groups are subflows.
TRACKED = """
version: 1
name: tracked
stages:
  first: {run: store, with: {name: first, value: 1.0}}
  spread:
    needs: [first]
    for_each: {i: [1, 2, 3]}
    steps:
      a: {run: store, with: {name: "spread[i=${{ each.i }}]/a", value: "${{ each.i }}"}}
      b:
        run: store
        with:
          name: spread[i=${{ each.i }}]/b
          value: ${{ steps.a.value * 2 }}
          sources: ["${{ steps.a.product }}"]
    outputs: {product: "${{ steps.b.product }}", value: "${{ steps.b.value }}"}
  gathered:
    run: store
    with:
      name: gathered
      value: ${{ stages.spread.value | sum }}
      sources: ${{ stages.spread.product }}
  after:
    needs: [gathered]
    steps:
      one: {run: store, with: {name: after/one, value: "${{ stages.gathered.value }}"}}
    outputs: {product: "${{ steps.one.product }}"}
outputs: {all: "${{ stages.spread.product }}", last: "${{ stages.after.product }}"}
"""
