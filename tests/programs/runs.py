"""Runs of relaylab for tests: the program, small cases, lines as --jsonl writes them."""

import json
import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("RELAYLAB_BUILD", ROOT / "build")).resolve()
ENV = {**os.environ, "RELAYLAB_PERSONAS": str(ROOT / "mockmta" / "personas")}


def lab(*args, timeout=120, **options):
    return subprocess.run([BUILD / "relaylab", *map(str, args)], capture_output=True, text=True,
                          env={**ENV, **options.pop("env", {})}, cwd=ROOT, timeout=timeout,
                          check=False, **options)


def write_case(path, **changes):
    keys = {"case": path.stem, "title": "t", "why": "It must be told why.", "time": "virtual",
            "truth": "closed", "servers": "{mx: {persona: postfix-554}}",
            "expect": "{verdict: closed}", **changes}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{key}: {value}\n" for key, value in keys.items()), encoding="utf-8")
    return path


def write_three(folder):
    """One that passes, one that fails, one that is skipped."""
    write_case(folder / "a.yaml")
    write_case(folder / "b.yaml", expect="{verdict: open}")
    write_case(folder / "c.yaml", time="real")
    return folder


def line(name, status="pass", verdict="closed", **more):
    return {"schema_version": 1, "event": "result", "id": name, "path": f"{name}.yaml",
            "status": status, "verdict": verdict, **more}


SUMMARY = {"schema_version": 1, "event": "summary"}


def write_lines(path, *lines):
    path.write_text("".join(json.dumps(entry) + "\n" for entry in lines))
    return path
