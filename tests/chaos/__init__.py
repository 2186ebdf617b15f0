"""Real processes, killed, starved, cut off and lied to: what was acknowledged stands, once, where it belongs."""

import pytest

pytest.register_assert_rewrite("tests.chaos.customers", "tests.chaos.desk_process", "tests.chaos.trouble")
