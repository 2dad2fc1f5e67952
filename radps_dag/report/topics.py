"""Nodes to topics, the subjects by which astronomers look at a run.

A call belongs to the topic of its workload's name. Where no word of that is known, it belongs to
the topic of the kinds of products that it returns, else to that of its stage's name, else to
"other". A word is known where it begins as one of these; the topics are asked in this order.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from radps_dag.facts.places import node_path
from radps_dag.report.model import Stage, Topic

__all__ = ["topic_of", "topics_of"]

_TOPICS = ("data", "flagging", "calibration", "imaging", "export", "other")

_WORDS = {
    "export": ("export", "archiv", "manifest", "submit", "deliver", "publish", "fits"),
    "flagging": ("flag", "autoflag", "unflag", "rfi"),
    "calibration": (
        "calib", "caltable", "bandpass", "gain", "solve", "solution", "selfcal", "tsys", "wvr",
        "flux", "antenna", "delay", "polarization", "model",
    ),
    "imaging": (
        "imag", "clean", "dirty", "restor", "mosaic", "deconv", "cube", "continuum", "spectrum",
        "quicklook", "convergence", "mask", "weight", "tclean", "clip",
    ),
    "data": (
        "data", "import", "visib", "observ", "split", "gather", "concat", "list", "load", "open",
        "fetch", "select", "average",
    ),
}  # fmt: skip
_KINDS = {
    "manifest": "export", "fits": "export", "flags": "flagging", "caltable": "calibration",
    "calibration": "calibration", "image": "imaging", "quicklook": "imaging",
    "visibilities": "data", "observation": "data",
}  # fmt: skip


def topic_of(workload: str, kinds: Iterable[str], stage: str) -> str:
    """The topic of a call.

    >>> topic_of("apply_calibration", ["visibilities"], "import_target")
    'calibration'
    >>> topic_of("combine", ["image"], "finish"), topic_of("wait", [], "export")
    ('imaging', 'export')
    """
    by_kind = next((_KINDS[kind] for kind in kinds if kind in _KINDS), "")
    return _by_words(workload) or by_kind or _by_words(stage) or "other"


def _by_words(name: str) -> str:
    words = name.lower().split("_")
    for topic, stems in _WORDS.items():
        if any(word.startswith(stems) for word in words):
            return topic
    return ""


def topics_of(stages: Sequence[Stage]) -> Iterator[Topic]:
    """The topics that have something, out of all stages."""
    nodes = [node for stage in stages for node in stage.every if node.is_call]
    topics = {node.path: node.topic for node in nodes}
    scores = [item for stage in stages for item in stage.scores]
    pictures = [picture for stage in stages for picture in stage.pictures]
    for name in _TOPICS:
        some = tuple(node for node in nodes if node.topic == name)
        mine = {path for path, topic in topics.items() if topic == name}
        topic = Topic(
            name,
            some,
            tuple(
                sorted(
                    (item for item in scores if _topic_at(item.place, topics) == name),
                    key=lambda item: item.order,
                )
            ),
            tuple(picture for picture in pictures if node_path(picture.place) in mine),
        )
        if topic.nodes or topic.scores or topic.pictures:
            yield topic


def _topic_at(place: str, topics: Mapping[str, str]) -> str:
    """The topic of a call; of what holds calls, that of the last one in it."""
    path = node_path(place)
    inside = [topic for inner, topic in topics.items() if inner.startswith(f"{path}/")]
    return topics.get(path) or (inside[-1] if inside else "other")
