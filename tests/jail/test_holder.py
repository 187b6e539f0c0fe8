import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from carpio.errors import PlatformError
from carpio.jail.holder import holder_of, init_image, is_same


@pytest.mark.skipif(shutil.which("catatonit") is None, reason="apt-get install catatonit")
def test_the_image_is_a_copy_that_nobody_can_change():
    image = init_image()
    try:
        program = Path(shutil.which("catatonit") or "")
        assert Path(f"/proc/self/fd/{image}").read_bytes() == program.read_bytes()
        with pytest.raises(PermissionError):
            os.write(image, b"x")
        with pytest.raises(PermissionError):
            os.ftruncate(image, 0)
        assert not os.get_inheritable(image)
    finally:
        os.close(image)


def test_a_holder_is_known_by_its_start():
    me = holder_of(os.getpid())
    assert is_same(me)
    assert not is_same(replace(me, started=me.started + 1))
    assert not is_same(None)


def test_a_process_that_is_gone_holds_nothing():
    with pytest.raises(PlatformError, match="ended at once"):
        holder_of(1 << 30)
