"""Key names."""

from captiond.workqueue.streams.keys import Keys


def test_all_keys_of_a_prefix_lie_in_one_slot_of_a_cluster() -> None:
    keys = Keys("mine")

    names = [
        *(keys.stream("first"), keys.stream("second")),
        *(keys.parked("first"), keys.dead("first"), keys.job("7"), keys.bytes, keys.events),
    ]

    assert {name.partition("}")[0] for name in names} == {"{mine:0"}
    assert len(set(names)) == len(names)
