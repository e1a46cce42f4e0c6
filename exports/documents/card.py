"""README.md: the dataset card. Its YAML header is Hugging Face's; every figure in it was measured on this version."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import orjson
import yaml

from exports.column_names import raw_column, target_columns
from exports.documents.contents import Contents
from exports.documents.schema import label_map
from exports.gates import AgreementFigure, GateResult
from exports.inputs.leakage import Leakage
from exports.inputs.plan import TargetSpec, VersionPlan
from exports.inputs.splits import LeftOut
from exports.promises import Lowered
from exports.shares import SIDES

SIZES = (
    (10**3, "n<1K"),
    (10**4, "1K<n<10K"),
    (10**5, "10K<n<100K"),
    (10**6, "100K<n<1M"),
    (10**7, "1M<n<10M"),
    (10**8, "10M<n<100M"),
)
LARGEST = "100M<n<1B"
REASONS = {
    LeftOut.FROZEN_ELSEWHERE: "its group stands on another side since an earlier version",
    LeftOut.NOT_RANDOM: "its group is held out, and only items chosen at random may be",
}


def card_text(plan: VersionPlan, contents: Contents) -> str:
    """The card. The header holds only one-line texts, so that no title can end it early."""
    lines = ["---", _header(plan, contents).rstrip("\n"), "---", ""]
    for part in (
        _opening(plan),
        _purpose(plan),
        _splits(plan, contents),
        _labels(plan, contents),
        _guidelines(plan),
        _agreement(plan),
        _gates(plan),
        _rights(plan),
        _left_out(plan, contents),
        _columns(plan),
        _loading(plan, contents),
        _changes(),
    ):
        lines += [*part, ""]
    return "\n".join(lines).rstrip("\n") + "\n"


def held_sides(contents: Contents) -> list[str]:
    """Sides that have rows. The others have no file and no place in the header: `datasets` loads no empty split."""
    return [str(side) for side in SIDES if contents.rows[side]]


def _header(plan: VersionPlan, contents: Contents) -> str:
    files = [{"split": side, "path": f"data/{side}-*"} for side in held_sides(contents)]
    header: dict[str, Any] = {
        "pretty_name": _one_line(plan.title) or plan.project,
        "version": plan.version,
        "license": "other",
        "license_name": "stated-purpose-only",
        "size_categories": [next((name for limit, name in SIZES if contents.total < limit), LARGEST)],
        "tags": ["winnow", *(["draft"] if plan.draft else [])],
        "configs": [{"config_name": "default", "data_files": files}],
    }
    return yaml.safe_dump(header, sort_keys=False, allow_unicode=True, width=10**9)


def _opening(plan: VersionPlan) -> Iterator[str]:
    yield f"# {_escaped(plan.title) or plan.project}, version {plan.version}"
    if plan.draft:
        yield ""
        yield "**This is a draft.** It was built whatever its gates say, is kept for 30 days and never becomes `latest`."
    yield ""
    yield f"Project `{plan.project}`, revision {plan.inputs.revision}. " + (
        f"It follows version {plan.parent}." if plan.parent else "It is the first of its line."
    )


def _purpose(plan: VersionPlan) -> Iterator[str]:
    yield "## Purpose"
    yield ""
    for line in plan.purpose.splitlines() or ["The project states no purpose."]:
        yield f"> {_escaped(line)}".rstrip()


def _splits(plan: VersionPlan, contents: Contents) -> Iterator[str]:
    yield "## Splits"
    yield ""
    groups = {figure.side: str(figure.groups) for figure in plan.sides}
    yield "| split | rows | groups | share | declared |"
    yield "|---|---:|---:|---:|---:|"
    for side in SIDES:
        rows, share = contents.rows[side], contents.rows[side] / contents.total
        yield f"| {side} | {rows} | {groups.get(side, '')} | {share:.4f} | {getattr(plan.shares, side):.4f} |"
    for warning in plan.warnings:
        yield ""
        yield f"**Warning:** {_escaped(warning)}."
    yield ""
    together = "near-duplicates stay together, and so does" if plan.near_duplicates else "together stays"
    yield (
        f"{contents.total} items, observed {contents.signals} times. Rows are split by group: {together} what only one "
        "person sent; an item whose sender is not known is a group of its own. Test and validation hold only items "
        "chosen at random. An item stays on its side in all later versions."
    )
    yield ""
    yield f"{_leakage(contents.leakage)} A split without rows has no file."


def _leakage(found: Leakage) -> str:
    told = f"Counted in the files, on two sides: {found.items} items, {found.split_groups} split groups"
    if found.near_duplicate_sets is None:
        return f"{told}. Near-duplicates were not looked for: contents that are nearly the same may stand on two sides."
    return f"{told}, {found.near_duplicate_sets} near-duplicate sets."


def _labels(plan: VersionPlan, contents: Contents) -> Iterator[str]:
    yield "## Labels"
    for target in plan.targets:
        labelled = contents.labelled[target.name]
        counts = ", ".join(f"{side} {labelled[side]}" for side in SIDES)
        yield ""
        yield f"{_code(target.name)} ({target.kind}, {target.level}): rows with a consensus: {counts}."
        yield from _label_table(target, contents)
    if not plan.targets:
        yield ""
        yield "This version has no targets."


def _label_table(target: TargetSpec, contents: Contents) -> Iterator[str]:
    by_side = contents.labels.get(target.name, {})
    labels = label_map(target.choices, contents.labels_of(target.name))
    if not by_side or not labels:
        return
    yield ""
    yield "| class | label | train | validation | test |"
    yield "|---:|---|---:|---:|---:|"
    for label, number in labels.items():
        counts = " | ".join(str(by_side[side].get(label, 0)) for side in SIDES)
        yield f"| {number} | {_escaped(label)} | {counts} |"


def _guidelines(plan: VersionPlan) -> Iterator[str]:
    told = plan.guidelines
    yield "## What annotators were told"
    yield ""
    if told.version is None:
        yield "The project has no guidelines."
    else:
        yield f"The guidelines, version {_escaped(told.version)}:"
        yield ""
        for line in told.text.splitlines():
            yield f"> {_escaped(line)}".rstrip()
    counts = [f"{n} under version {_escaped(version)}" for version, n in told.answers.items()]
    if told.n_unknown:
        counts.append(f"{told.n_unknown} under none that is known, such as those handed in from elsewhere")
    if counts:
        yield ""
        yield f"Answers that count, by the version they were given under: {'; '.join(counts)}."


def _agreement(plan: VersionPlan) -> Iterator[str]:
    yield "## Agreement of the annotators"
    yield ""
    if not plan.agreement:
        yield "Not measured."
        return
    yield "Krippendorff's alpha with a 95 % interval, over items that carry two answers or more."
    yield ""
    yield "| question | level | alpha | interval | items | annotations |"
    yield "|---|---|---:|---|---:|---:|"
    for figure in plan.agreement:
        yield _agreement_row(figure)


def _agreement_row(figure: AgreementFigure) -> str:
    alpha = f"{figure.alpha:.4f}" if figure.alpha is not None else "none"
    interval = "not enough data"
    if figure.lower is not None and figure.upper is not None:
        interval = f"{figure.lower:.4f} to {figure.upper:.4f}"
    if figure.alpha is None and figure.reason:
        interval = _escaped(figure.reason)
    return f"| {_escaped(figure.target)} | {figure.level} | {alpha} | {interval} | {figure.n_items} | {figure.n_annotations} |"


def _gates(plan: VersionPlan) -> Iterator[str]:
    yield "## Gates"
    yield ""
    if plan.gates:
        yield from _gate_table(plan)
    else:
        yield "The project sets no gates."
    if plan.overrides:
        yield ""
        yield "Built with other settings than the project file's:"
        yield ""
        for setting in plan.overrides:
            yield f"- {_code(setting.pointer)}: {_value(setting.after)} in place of {_value(setting.before)}."
    if plan.lowered:
        yield ""
        yield "**Lowered.** This version promises less than the project once did:"
        yield ""
        for lowered in plan.lowered:
            yield f"- {_code(lowered.pointer)}: {_value(lowered.after)}, before {_value(lowered.before)}, {_by(lowered)}."


def _by(lowered: Lowered) -> str:
    return "by the override of this draft" if lowered.revision is None else f"since revision {lowered.revision}"


def _gate_table(plan: VersionPlan) -> Iterator[str]:
    yield "| gate | passed | figure | required | |"
    yield "|---|---|---:|---:|---|"
    for gate in plan.gates:
        yield _gate_row(gate)


def _gate_row(gate: GateResult) -> str:
    figure = f"{gate.figure:.4f}" if gate.figure is not None else "none"
    required = gate.required if isinstance(gate.required, str) else f"{gate.required:g}"
    return f"| {_escaped(gate.name)} | {'yes' if gate.passed else 'no'} | {figure} | {required} | {_escaped(gate.detail)} |"


def _rights(plan: VersionPlan) -> Iterator[str]:
    yield "## Consent and licence"
    yield ""
    if plan.consent.required:
        purposes = ", ".join(f"`{purpose}`" for purpose in plan.consent.purposes) or "none named"
        yield (
            f"Every row rests on at least one observation whose sender had consented (purposes: {purposes}), as "
            f"recorded up to {plan.inputs.consent_cut}."
        )
    else:
        yield "The project requires no consent of the senders; it answers for another legal ground."
    yield (
        "Use is limited to the purpose above. When somebody who sent a row has their data erased, this version is "
        "withdrawn: ask the server for its state before you train on a copy, and delete the copy when it is withdrawn."
    )
    for version, notice in plan.consent.notices.items():
        for language, text in (notice if isinstance(notice, Mapping) else {"": notice}).items():
            yield ""
            yield f"What people were told, notice {_escaped(version)}{f' ({_escaped(language)})' if language else ''}:"
            yield ""
            yield f"> {_escaped(text)}"


def _left_out(plan: VersionPlan, contents: Contents) -> Iterator[str]:
    yield "## What was left out"
    yield ""
    rows = [f"{count} items: {REASONS[LeftOut(reason)]}." for reason, count in contents.left_out_by_reason().items()]
    rows += [f"{count} items never reached the split: {_escaped(name)}." for name, count in plan.not_used.items()]
    rows += [
        f"{count} rows are kept without `{target}`, {kind}."
        for target, kinds in contents.unresolved.items()
        for kind, count in kinds.items()
    ]
    if not rows:
        yield "Nothing."
    for row in rows:
        yield f"- {row}"
    if contents.left_out:
        yield ""
        yield "Each of the items left out by the split is named in `manifest.json` under `left_out`."
    if plan.not_in_effect:
        yield ""
        yield f"Set in the project and not in effect yet: {', '.join(_escaped(name) for name in plan.not_in_effect)}."
    if plan.instead:
        yield "What was done instead:"
        yield ""
    for pointer, told in plan.instead.items():
        yield f"- {_escaped(pointer)}: {_escaped(told)}."


def _columns(plan: VersionPlan) -> Iterator[str]:
    yield "## Columns"
    yield ""
    sets = "the contents that are nearly the same" if plan.near_duplicates else "not looked for"
    yield f"- `item`: the name of a content. `near_duplicate_set`: {sets}; for one alone, itself."
    yield "- `split_group`: what must stay on one side; the names mean nothing and differ in every version."
    yield "- `weight`, `n_signals` (how often it was observed), `selected_by` (how it was chosen for labelling)."
    for spec in plan.fields:
        yield f"- `{spec.name}`: {spec.kind}" + (f", in {_escaped(spec.unit)}." if spec.unit else ".")
    for target in plan.targets:
        name, sure, n, votes, source = map(_code, target_columns(target.name))
        yield f"- {name}: the agreed answer, with {sure}, {n} answers, {votes} (JSON text), {source}."
    for control in plan.unmeasured:
        yield (
            f"- {_code(raw_column(control))}: the answers to {_code(control)}, which is not measured, as they were given: "
            "JSON text, a list for each person, without the person. What people typed stands in it unread."
        )
    if plan.context:
        names = ", ".join(f"`{spec.name}`" for spec in plan.context)
        yield f"- Capture conditions of the earliest observation: {names}."
    yield ""
    yield (
        "`schema.json` tells types, units, normalization (from train only), vocabulary and label map, in one "
        "order: the place of a label in `vocabulary` is its number in `label_map`."
    )


def _loading(plan: VersionPlan, contents: Contents) -> Iterator[str]:
    first = held_sides(contents)[0]
    yield "## How to load and check it"
    yield ""
    yield "```python"
    yield "from datasets import load_dataset"
    yield ""
    yield f'{first} = load_dataset("{plan.folder_name}", split="{first}")'
    yield "```"
    yield ""
    yield "```"
    yield f"winnow exports verify {plan.folder_name}    # or, inside the folder: sha256sum -c manifest.sha256"
    yield "```"


def _changes() -> Iterator[str]:
    yield "## Version numbers"
    yield ""
    yield (
        "MAJOR: a script may break or a comparison is void. MINOR: rows were added or labels revised. PATCH: rows were "
        "removed by erasure, withdrawal or retention, or documentation is new. Croissant would call removed rows a "
        "larger change; here they are PATCH, so that `~=1.4` takes them without delay."
    )


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _code(name: str) -> str:
    """A name as code; one that would end the code or its row of a table stands as text."""
    return _escaped(name) if set(name) & set("`|\n") else f"`{name}`"


def _value(value: object) -> str:
    return "none" if value is None else _code(orjson.dumps(value).decode())


def _escaped(text: str) -> str:
    """One line of Markdown that shows the text as it is."""
    return "".join(f"\\{character}" if character in "\\`*_[]<>|#" else character for character in _one_line(text))
