from carpio.core.send_health import SendHealth


def test_r127_exactly_the_third_error_demotes():
    health = SendHealth()
    assert [health.fail() for _ in range(5)] == [False, False, True, False, False]
    assert health.is_condemned


def test_r127_three_good_sends_undo_it_once():
    health = SendHealth()
    for _ in range(4):
        health.fail()
    assert [health.succeed() for _ in range(4)] == [False, False, True, False]
    assert not health.is_condemned


def test_r127_two_errors_then_three_good_sends_do_nothing_but_forget():
    health = SendHealth()
    assert not any((health.fail(), health.fail()))
    assert not any(health.succeed() for _ in range(3))
    assert not any((health.fail(), health.fail()))
    assert health.fail()


def test_one_good_send_between_errors_does_not_clear_them():
    health = SendHealth()
    health.fail()
    health.fail()
    health.succeed()
    assert health.fail()


def test_an_error_makes_the_good_sends_before_it_count_for_nothing():
    health = SendHealth()
    for _ in range(3):
        health.fail()
    health.succeed()
    health.succeed()
    health.fail()
    assert [health.succeed() for _ in range(3)] == [False, False, True]


def test_good_sends_without_errors_mean_nothing():
    health = SendHealth()
    assert not any(health.succeed() for _ in range(5))
    assert not health.is_condemned
