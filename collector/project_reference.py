"""The project file shown as a whole: the page docs/project-file.md and the JSON Schema that editors read."""

from __future__ import annotations

from collections.abc import Sequence

from collector.project import Section, definition_of
from foundation.document.definitions import Schema
from foundation.document.pages import json_schema, not_in_effect, reference_page

HEAD = """# The project file

One file, YAML or JSON, says what a project collects, what it asks, and how its versions are made. `winnow collector apply FILE`
or `PUT /v1/projects/{project}` takes it. A mistake is answered with a pointer to its key and with what is allowed there.
It has at most 256 kB and 32 levels; YAML's aliases are not read. A key that is absent and one that is null are the same. This page is made from the definitions that read the file.

An editor that knows YAML checks and completes it with this line at the top of the file, where Winnow runs on this machine
(the same schema lies in [project-schema.json](project-schema.json)):

```yaml
# yaml-language-server: $schema=http://127.0.0.1:8000/project-schema.json
```

In a path, a word in angle brackets is a name of your own, and `[]` each entry of a list.
"""
IDLE = """## Not in effect yet

These are taken, checked and kept with the revision, and a later release acts upon them. The answer to `PUT` names those that a file
sets (`not_in_effect`), each with what is done instead (`instead`); so do a version's manifest and card.

| setting | what is done instead |
|---|---|"""


def project_schema(sections: Sequence[Section]) -> Schema:
    return json_schema(definition_of(sections), title="A project file of Winnow")


def project_page(sections: Sequence[Section]) -> str:
    document = definition_of(sections)
    idle = [f"| `{path}` | {told} |" for path, told in not_in_effect(document).items()]
    return "\n".join([HEAD, reference_page(document), IDLE, *idle, ""])
