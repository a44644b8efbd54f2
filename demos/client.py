"""Use a running gfla-demo from a program: python -m gfla.demos.client PORTRAIT DRIVING OUT.mp4 [ADDRESS].

DRIVING is a video, or the name of a shipped motion such as nod. The page's "Use via API" lists all endpoints.
"""

import shutil
import sys
from pathlib import Path

from gradio_client import Client, handle_file


def main(portrait: str, driving: str, out: str, address: str = "http://127.0.0.1:7860") -> None:
    client = Client(address, verbose=False)
    driver = handle_file(driving) if Path(driving).exists() else None
    motion = "" if driver else driving
    reference, preview = client.predict(handle_file(portrait), driver, motion, api_name="/preview")
    print(f"reference: {reference}\npreview: {preview}")
    video = client.predict(portrait=handle_file(portrait), driving=driver, motion=motion, api_name="/animate")
    shutil.copy(video, out)
    print(f"video: {out}")
    smiling = client.predict(handle_file(portrait), {"smile": 0.8, "yaw": 10}, api_name="/edit")
    print(f"smiling: {smiling}")


if __name__ == "__main__":
    if len(sys.argv) not in (4, 5):
        sys.exit(__doc__)
    main(*sys.argv[1:])
