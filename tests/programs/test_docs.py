"""Pages that are generated say what the programs say."""

import os
import re
import subprocess
from pathlib import Path
from types import ModuleType

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("RELAYLAB_BUILD", ROOT / "build")).resolve()


def test_reference_of_cases():
    """build/relaylab schema --markdown >doc/rules.md"""
    said = subprocess.run([BUILD / "relaylab", "schema", "--markdown"], capture_output=True,
                          text=True, check=True, timeout=60)
    assert said.stdout == (ROOT / "doc" / "rules.md").read_text(encoding="utf-8")


def test_table_of_misconfigurations():
    """ci/corpus >doc/corpus.md"""
    said = subprocess.run([ROOT / "ci" / "corpus"], capture_output=True, text=True, check=True,
                          timeout=60)
    page = (ROOT / "doc" / "corpus.md").read_text(encoding="utf-8")
    assert said.stdout == page
    rows = [line.strip("|").split("|") for line in page.splitlines() if line.startswith("| ")]
    assert len(rows) == 18
    for what, *cells in rows[2:]:
        assert any(cell.strip() for cell in cells), what
        alone = [c for c in cells if c.strip() and " - " not in c and " " not in c.strip()]
        assert not alone, f"no correct twin: {what}: {alone}"
    counts = dict(re.findall(r"(\w+) (\d+)[,;]", page.splitlines()[-1]))
    least = {"Postfix": 8, "Exim": 6, "OpenSMTPD": 4, "Sendmail": 4}
    assert all(int(counts[name]) >= number for name, number in least.items())


def card(*names):
    """A scorecard as relaylab score --markdown writes it, the numbers taken from the names."""
    lines = [f"- **{name}** 1.{len(name)}: title" for name in names]
    for rows in ([["all cases", *names], ["missed relays", *(str(len(name)) for name in names)]],
                 [["case", "truth", *names], ["a[b=c d]", "open", *map(str.upper, names)]]):
        first, *others = ["| " + " | ".join(row) + " |" for row in rows]
        lines += ["", first, "|" + "---|" * len(rows[0]), *others]
    return "\n".join(lines) + "\n"


def test_one_column_of_the_scorecard_made_anew():
    script = ModuleType("scorecard")
    exec(compile((ROOT / "ci" / "scorecard").read_text(encoding="utf-8"), "scorecard", "exec"),
         vars(script))
    old = card("first", "second").replace("SECOND", "old").replace("| 6 |", "| 0 |")
    assert script.replace("# Head\n\n" + old, "second", card("second")) == card("first", "second")
    assert script.numbers(old).endswith("| missed relays | 5 | 0 |\n")
    for page, column in ((old, card("second").replace("a[b", "z[b")),
                         (old.replace("a[b", "z[b"), card("second"))):
        with pytest.raises(SystemExit):
            script.replace(page, "second", column)


def blocks(page, language):
    text = (ROOT / "doc" / page).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.M | re.S)


def test_examples_of_ci_are_yaml():
    pages = [yaml.safe_load(block) for block in blocks("ci.md", "yaml")]
    assert len(pages) == 4 and all(isinstance(page, dict) for page in pages)
    uses = re.findall(r"uses: OWNER/relaylab/(\S+)@", (ROOT / "doc" / "ci.md").read_text())
    assert uses and all((ROOT / folder / "action.yml").exists() for folder in uses)
    inputs = yaml.safe_load((ROOT / "ci" / "action.yml").read_text())["inputs"]
    steps = [step for page in pages[:2] for job in page["jobs"].values() for step in job["steps"]
             if "relaylab/ci@" in step.get("uses", "")]
    assert steps and all(set(step["with"]) <= set(inputs) for step in steps)


def test_options_of_ci_exist():
    """Every --option behind relaylab's name, in every example."""
    said = subprocess.run([BUILD / "relaylab", "--help"], capture_output=True, text=True,
                          check=True, timeout=60).stdout
    text = (ROOT / "doc" / "ci.md").read_text().replace("\\\n", " ")
    commands = re.findall(r"relaylab (?:run|diff|check) [^\n]*(?:\n {6,}--[^\n]*)*", text)
    found = {word for command in commands for word in re.findall(r" (--[a-z-]+)", command)}
    assert {"--junit", "--shard", "--config"} <= found
    assert all(f"  {option} " in said for option in found), found


@pytest.mark.parametrize("case, status, said", [
    ("relay/open-relay-proven.yaml", 0, "## relaylab: passed"),
    ("no-such-file.yaml", 2, None),
])
def test_the_action(tmp_path, case, status, said):
    """Its last step, as GitHub would run it: by bash, with inputs in the environment."""
    action = yaml.safe_load((ROOT / "ci" / "action.yml").read_text())
    step = action["runs"]["steps"][-1]
    assert all("${{" not in step["run"] for step in action["runs"]["steps"])
    env = {**os.environ, "GITHUB_ACTION_PATH": str(ROOT / "ci"),
           "CASES": str(ROOT / "scenarios" / "cases" / case),
           "DETECTOR": "", "OPTIONS": "-j 2 --seed 3", "REPORTS": str(tmp_path / "out $(false)"),
           "GITHUB_STEP_SUMMARY": str(tmp_path / "summary"), "RELAYLAB": str(BUILD / "relaylab"),
           "RELAYLAB_PERSONAS": str(ROOT / "mockmta" / "personas")}
    assert set(step["env"]) <= set(env)
    run = subprocess.run(["bash", "-e", "-o", "pipefail", "-c", step["run"]], env=env, text=True,
                         capture_output=True, check=False, timeout=60, cwd=tmp_path)
    assert run.returncode == status, run.stdout + run.stderr
    if said is None:
        return
    assert (tmp_path / "summary").read_text().startswith(said)
    assert sorted(path.name for path in (tmp_path / "out $(false)").iterdir()) == [
        "junit.xml", "results.jsonl", "results.tap", "summary.md"]
