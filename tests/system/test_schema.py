"""Workflow files: what the program says of each, and that the schema agrees with it.

Each file of tests/workflows/bad begins with its errors ("# expect: LINE:COLUMN: MESSAGE"; of JSON
they are in the .err beside it). "schema-ok" marks what a schema cannot know, such as circles or
unknown agents; "schema-stricter" what only YAML may do."""

import json
import os
import re
import shutil

WORKFLOWS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "workflows")
SCHEMA = os.path.join(os.path.dirname(os.path.dirname(WORKFLOWS)), "shared", "schema",
                      "workflow.schema.json")
AGENTS = os.path.join(os.path.dirname(os.path.dirname(WORKFLOWS)), "workers", "agents")


def _files(kind):
    folder = os.path.join(WORKFLOWS, kind)
    return [os.path.join(folder, name) for name in sorted(os.listdir(folder))
            if not name.endswith(".err")]


def _remarks(path):
    """The lines that say what a file is an example of."""
    if path.endswith(".json"):
        errors = path[:-len("json")] + "err"
        if not os.path.exists(errors):
            return []
        with open(errors, encoding="utf-8") as f:
            return f.read().splitlines()
    with open(path, "rb") as f:
        lines = f.read().decode(errors="replace").splitlines()
    remarks = []
    for line in lines:
        if not line.startswith("# expect: ") and line not in ("# schema-ok", "# schema-stricter"):
            break
        remarks.append(re.sub(r"^# (expect: )?", "", line))
    return remarks


def _expected(path):
    return [line for line in _remarks(path) if not line.startswith("schema-")]


def _core_schema(yaml):
    """A loader with the types of YAML's core schema, as pollard has them: `no` is a string."""
    class Loader(yaml.SafeLoader):
        pass

    Loader.yaml_implicit_resolvers = {}
    for tag, pattern, first in (
            ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
            ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
            ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", list("-+0123456789")),
            ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", list("-+.0123456789"))):
        Loader.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(f"^(?:{pattern})$"), first)
    return Loader


def _load(yaml, path):
    """The file as a tree; ValueError when it is none."""
    with open(path, "rb") as f:
        data = f.read()
    if path.endswith(".json"):
        return json.loads(data)
    try:
        return yaml.load(data.decode(), Loader=_core_schema(yaml))
    except (yaml.YAMLError, UnicodeDecodeError) as e:
        raise ValueError(str(e)) from e


def _with_agents(t):
    shutil.copytree(AGENTS, t.path(".pollard/agents"))


def _first(lines, count=5):
    return "\n".join(lines[:count])


def test_good_workflows(t):
    """[3] every good workflow can be planned"""
    _with_agents(t)
    wrong = []
    for path in _files("good"):
        run = t.run("pollard", "plan", "-f", path, status=None)
        if run.status != 0:
            wrong.append(f"{os.path.basename(path)}: status {run.status}: {run.err}")
    t.check(not wrong, _first(wrong))


def test_bad_workflows(t):
    """[3] every bad workflow is refused with its places and messages, and nothing is run"""
    _with_agents(t)
    wrong = []
    for path in _files("bad"):
        run = t.run("pollard", "run", "-f", path, "--rehearse", status=None)
        expected = [f"pollard: {path}:{'' if line[:1].isdigit() else ' '}{line}"
                    for line in _expected(path)]
        if run.status != 65 or run.out != "" or run.err.splitlines() != expected:
            wrong.append(f"{os.path.basename(path)}: status {run.status}: {run.err}"
                         f"expected {expected}")
    t.check(not wrong, _first(wrong))


def test_schema_agrees(t):
    """[3] the schema takes and refuses the same workflows as the program"""
    try:
        import jsonschema
        import yaml
    except ImportError as e:
        t.skip(f"needs {e.name}: python3-jsonschema and python3-yaml")
    with open(SCHEMA, encoding="utf-8") as f:
        schema = json.load(f)
    jsonschema.Draft7Validator.check_schema(schema)
    validator = jsonschema.Draft7Validator(schema)
    wrong = []
    for kind in ("good", "bad"):
        for path in _files(kind):
            remarks = _remarks(path)
            if kind == "good":
                expected = "schema-stricter" not in remarks
            else:
                expected = "schema-ok" in remarks
            try:
                errors = [e.message for e in validator.iter_errors(_load(yaml, path))]
            except ValueError as e:
                errors = [str(e)]
            if (not errors) != expected:
                wrong.append(f"{kind}/{os.path.basename(path)}: {errors or 'taken by the schema'}")
    t.check(not wrong, _first(wrong, 40))


def test_schema_of_a_task(t):
    """[3] the schema of a task holds for records of a list"""
    try:
        import jsonschema
    except ImportError as e:
        t.skip(f"needs {e.name}: python3-jsonschema")
    with open(SCHEMA, encoding="utf-8") as f:
        schema = json.load(f)
    task = dict(schema, **{"$ref": "#/definitions/task"})
    for key in ("type", "properties", "patternProperties", "additionalProperties", "required"):
        del task[key]
    validator = jsonschema.Draft7Validator(task)
    for good in ({"run": "true"}, {"agent": "a", "prompt": "b", "x-c": 1}, {"run": ["a"], "id": "b"}):
        t.check(validator.is_valid(good), f"refused: {good}")
    for bad in ({}, {"run": []}, {"prompt": "a", "run": "b"}, {"run": "a", "promt": "b"},
                {"run": "a", "retries": 101}, {"run": "a", "id": ".a"}):
        t.check(not validator.is_valid(bad), f"taken: {bad}")
