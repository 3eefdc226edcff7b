"""Every way in which a task's name can be wrong gets its own clear line."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from peerd.errors import TaskError
from peerd.learning.loading import load_task, task_class
from peerd.learning.task import Task
from peerd.tasks.names import SHIPPED

USER_TASKS = """
from peerd.learning import Task

class Partial(Task):
    def model(self): ...

class Other: ...

number = 7
"""


@pytest.fixture
def user_tasks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "peerd_user_tasks.py").write_text(USER_TASKS)
    (tmp_path / "peerd_user_broken.py").write_text("import a_module_that_is_not_there\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield "peerd_user_tasks"
    for name in ("peerd_user_tasks", "peerd_user_broken"):
        sys.modules.pop(name, None)


@pytest.mark.parametrize("name", sorted(SHIPPED))
def test_shipped_tasks_have_short_names(name: str) -> None:
    assert issubclass(task_class(name), Task)


@pytest.mark.parametrize(
    ("reference", "says"),
    [
        ("digts", "neither digits, table, images, cifar nor of the form"),
        ("../evil:Task", "nor of the form"),
        ("os.path", "nor of the form"),
        ("no_such_package.tasks:Churn", "no module 'no_such_package'"),
        ("peerd_user_tasks:Missing", "has no class Missing"),
        ("peerd_user_tasks:Other", "not a subclass"),
        ("peerd_user_tasks:number", "not a subclass"),
        ("peerd_user_broken:Churn", "'a_module_that_is_not_there', which it imports"),
        ("peerd_user_tasks:Partial", "does not define data, held_out"),
    ],
)
def test_a_wrong_reference_says_what_is_wrong(user_tasks: str, reference: str, says: str) -> None:
    with pytest.raises(TaskError, match=says):
        load_task(reference, {}, {})


def test_an_option_that_the_task_does_not_know_is_refused() -> None:
    with pytest.raises(TaskError, match="unknown task option 'hiden'; known ones: hidden"):
        load_task("digits", {"hiden": 3}, {})
    with pytest.raises(TaskError, match="unknown local task option 'path'"):
        load_task("digits", {}, {"path": "x"})
