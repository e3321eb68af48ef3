"""What an image's container runs: the service it was built for, with the words given to it."""

import os
import runpy

_OTHERS = {"cli": "souk.main", "sandbox": "sandbox"}

if __name__ == "__main__":
    service = os.environ["SOUK_SERVICE"]
    runpy.run_module(_OTHERS.get(service, f"{service}.main"), run_name="__main__", alter_sys=True)
