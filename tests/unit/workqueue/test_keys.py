"""Key names."""

from captiond.workqueue.streams.keys import Keys


def test_all_keys_share_one_hash_tag() -> None:
    keys = Keys("mine")

    names = [
        *(keys.stream("first"), keys.stream("second")),
        *(keys.delayed("first"), keys.dead_letters("first"), keys.job("7"), keys.bytes, keys.events),
    ]

    assert {name.partition("}")[0] for name in names} == {"{mine:0"}
    assert len(set(names)) == len(names)
