"""The table of behaviours by release."""

from __future__ import annotations

import pytest

from harness.errors import MisuseError
from harness.mesos.versions import LATEST, RELEASES, Behaviour, behaviour


def test_known_releases() -> None:
    """Each release has a complete record that knows its own name; the newest is the default."""
    for release in RELEASES:
        assert behaviour(release).version == release
    assert behaviour() is behaviour(LATEST)


@pytest.mark.parametrize("version", ["1.3", "2", "", None, 1.1])
def test_unknown_release(version: object) -> None:
    """Any other release is refused, naming those that are known."""
    with pytest.raises(MisuseError, match=r"1\.0, 1\.1, 1\.2, 1\.5, 1\.11"):
        behaviour(version)  # type: ignore[arg-type]


def test_the_releases_the_seed_documents_speak_of_differ() -> None:
    """What the table says where the source documents contradict each other."""
    assert behaviour("1.0").removed_agents_return == "refused"
    assert behaviour("1.1").removed_agents_return == "without_unaware_tasks"
    assert behaviour("1.5").removed_agents_return == "all"
    assert not behaviour("1.1").lost_link_timer
    assert behaviour("1.2").lost_link_timer
    assert behaviour("1.5").shuts_down_unauthenticated_agents
    assert not behaviour("1.11").shuts_down_unauthenticated_agents


def test_every_field_is_in_the_table() -> None:
    """A behaviour without a row could not be built; each field but the name is a fact that some release differs in."""
    for name in Behaviour.__struct_fields__:
        if name != "version":
            assert len({str(getattr(behaviour(release), name)) for release in RELEASES}) > 1, name
