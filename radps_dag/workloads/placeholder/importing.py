"""Placeholders for the import: from the archive to visibilities with a-priori calibration."""

from __future__ import annotations

from radps_dag.workloads.contract.scores import flag_score, intents_score, wvr_score
from radps_dag.workloads.contract.workload import Context, Product, Random, Workdir, workload
from radps_dag.workloads.outcomes import (
    Corrected,
    Flagged,
    Gathered,
    Imported,
    Positions,
    Tsys,
    Wvr,
)
from radps_dag.workloads.placeholder.fake_data import read, spend, write
from radps_dag.workloads.placeholder.observing import INTENTS

__all__ = [
    "apply_antenna_positions",
    "apply_online_flags",
    "calibrate_tsys",
    "calibrate_wvr",
    "gather_visibilities",
    "import_visibilities",
    "query_antenna_positions",
]


@workload(placeholder=True)
def import_visibilities(
    observation: Product, field: str, spw: int, *, workdir: Workdir, random: Random
) -> Imported:
    """Fetch the visibilities of one field and spw from the archive (placeholder).

    Args:
        observation: the observation's record
        field: name of the field
        spw: spectral window id
    """
    source = read(observation, "observation")
    spend(source.observation, 0.05)
    kind = "calibrators" if field in source.observation["calibrators"] else "target"
    dataset = {"field": field, "spw": spw, "flagged_fraction": 0.0, "intents": INTENTS[kind]}
    ms = write(
        workdir,
        "visibilities",
        source.observation,
        {"datasets": [dataset], "applied": [], "selfcal_cycles": 0},
        sources=[observation],
        group="imported",
        selection={"field": field, "spw": spw},
    )
    return {"ms": ms, "intents": INTENTS[kind], "size": random.randrange(10**8, 10**9)}


@workload(placeholder=True)
def apply_online_flags(ms: Product, *, workdir: Workdir, random: Random) -> Flagged:
    """Flag what the telescope knew to be bad while it observed (placeholder).

    Args:
        ms: visibilities as imported
    """
    data = read(ms, "visibilities")
    spend(data.observation)
    fraction = round(random.uniform(0.01, 0.04), 4)
    datasets = [{**dataset, "flagged_fraction": fraction} for dataset in data.content["datasets"]]
    flagged = write(
        workdir,
        "visibilities",
        data.observation,
        {**data.content, "datasets": datasets},
        sources=[ms],
        group="flagged",
        selection=ms.get("selection"),
    )
    return {"ms": flagged, "flagged_fraction": fraction, "score": flag_score(fraction)}


@workload(placeholder=True)
def query_antenna_positions(observation: Product, *, workdir: Workdir, random: Random) -> Positions:
    """Ask the service for antenna positions newer than the observation's (placeholder).

    Args:
        observation: the observation's record
    """
    source = read(observation, "observation")
    spend(source.observation)
    offsets = [round(random.gauss(0.0, 3e-4), 6) for _ in range(source.observation["antennas"])]
    table = {"type": "antenna_positions", "offsets": offsets}
    caltable = write(workdir, "caltable", source.observation, table, sources=[observation])
    return {"caltable": caltable, "largest": max(map(abs, offsets), default=0.0)}


@workload(placeholder=True)
def apply_antenna_positions(ms: Product, positions: Product, *, workdir: Workdir) -> Corrected:
    """Correct the visibilities for better antenna positions (placeholder).

    Args:
        ms: the visibilities
        positions: corrections of the antenna positions
    """
    data = read(ms, "visibilities")
    table = read(positions, "caltable")
    spend(data.observation)
    corrected = write(
        workdir,
        "visibilities",
        data.observation,
        {**data.content, "applied": [*data.content["applied"], table.content["type"]]},
        sources=[ms, positions],
        group="prepared",
        selection=ms.get("selection"),
    )
    return {"ms": corrected}


@workload(placeholder=True)
def calibrate_tsys(ms: Product, *, workdir: Workdir, random: Random) -> Tsys:
    """Derive system temperatures (placeholder).

    Args:
        ms: the visibilities
    """
    data = read(ms, "visibilities")
    spend(data.observation)
    temperatures = [round(random.gauss(90.0, 8.0), 2) for _ in range(data.observation["antennas"])]
    table = {"type": "tsys", "temperatures": temperatures}
    selection = ms.get("selection")
    caltable = write(
        workdir, "caltable", data.observation, table, sources=[ms], selection=selection
    )
    return {"caltable": caltable, "median": sorted(temperatures)[len(temperatures) // 2]}


@workload(placeholder=True)
def calibrate_wvr(ms: Product, *, workdir: Workdir, random: Random) -> Wvr:
    """Derive phase corrections from the water-vapour radiometers (placeholder).

    Args:
        ms: the visibilities
    """
    data = read(ms, "visibilities")
    spend(data.observation)
    error = data.observation["wvr_error"]
    ratio = round(random.uniform(1.0, 2.5) / max(1.0, 2.0 * error), 3)
    table = {"type": "wvr", "phase_rms_ratio": ratio}
    selection = ms.get("selection")
    caltable = write(
        workdir, "caltable", data.observation, table, sources=[ms], selection=selection
    )
    return {"caltable": caltable, "phase_rms_ratio": ratio, "score": wvr_score(ratio)}


@workload(placeholder=True)
def gather_visibilities(
    parts: list[Product], group: str, *, workdir: Workdir, context: Context
) -> Gathered:
    """Put parts (fields, spws) together to one set of visibilities (placeholder).

    Of parts of the same field and spw, such as polarizations, the flags add up to their mean. Where
    the pipeline declares the context key `datasets`, what has been gathered is described there.

    Args:
        parts: visibilities to put together; at least one
        group: name of the data group that they make
    """
    if not parts:
        raise ValueError("no visibilities to gather")
    fakes = [read(part, "visibilities") for part in parts]
    spend(fakes[0].observation)
    together: dict[tuple[str, int], list[dict[str, object]]] = {}
    for fake in fakes:
        for dataset in fake.content["datasets"]:
            together.setdefault((dataset["field"], dataset["spw"]), []).append(dataset)
    datasets = [
        {**same[0], "flagged_fraction": _mean([float(str(d["flagged_fraction"])) for d in same])}
        for same in together.values()
    ]
    content = {**fakes[0].content, "datasets": datasets}
    ms = write(workdir, "visibilities", fakes[0].observation, content, sources=parts, group=group)
    fields = list(dict.fromkeys(field for field, _ in together))
    spws = list(dict.fromkeys(spw for _, spw in together))
    if context.declares("datasets"):
        context.add("datasets", _described(ms, group, fields, spws))
    calibrators = any(field in fakes[0].observation["calibrators"] for field in fields)
    wanted = INTENTS["calibrators" if calibrators else "target"]
    present = {str(intent) for same in together.values() for intent in _intents(same[0])}
    flagged = _mean([float(str(dataset["flagged_fraction"])) for dataset in datasets])
    return {
        "ms": ms,
        "fields": fields,
        "spws": spws,
        "flagged_fraction": flagged,
        "flag_score": flag_score(flagged),
        "intents_score": intents_score(sorted(present), wanted),
    }


def _described(ms: Product, group: str, fields: list[str], spws: list[int]) -> dict[str, object]:
    """A dataset as the matching of datasets takes it; its frequencies are made up."""
    return {
        "name": f"{group}: {', '.join(fields)}",
        "ms": ms,
        "fields": [{"id": number, "name": field} for number, field in enumerate(fields)],
        "spws": [
            {
                "id": spw,
                "name": f"simulated {spw}",
                "low_ghz": 230.0 + 2.0 * spw,
                "high_ghz": 231.875 + 2.0 * spw,
                "data_type": group,
            }
            for spw in spws
        ],
    }


def _intents(dataset: dict[str, object]) -> list[str]:
    intents = dataset.get("intents")
    return list(intents) if isinstance(intents, list) else []


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)
