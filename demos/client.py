"""Use a running gfla-demo from a program: python -m gfla.demos.client PORTRAIT DRIVING OUT.mp4 [ADDRESS].

DRIVING is a video, or the name of a shipped motion such as nod. The page's "Use via API" lists all endpoints.
"""

import shutil
import sys
from pathlib import Path

from gradio_client import Client, handle_file


def main(portrait: str, driving: str, out: str, address: str = "http://127.0.0.1:7860") -> None:
    client, face = Client(address, verbose=False), handle_file(portrait)
    driver = handle_file(driving) if Path(driving).exists() else None
    motion = "" if driver else driving
    reference, preview = client.predict(face, driver, motion, api_name="/preview")
    print(f"reference: {reference}\npreview: {preview}")

    options = {"end": 2, "codec": "h264", "label": True}  # the driver's first two seconds
    job = client.submit(portrait=face, driving=driver, motion=motion, options=options, api_name="/animate")
    for _, progress, _ in job:  # several times a second while it is made
        print(f"\r{progress}", end="", flush=True)
    video, _, warnings = job.result()
    shutil.copy(video, out)
    print(f"\nvideo: {out}", *warnings, sep="\n")

    print("smiling:", client.predict(face, {"smile": 0.8, "yaw": 10}, api_name="/edit"))
    keys = {"0": {"yaw": -15}, "1": {"yaw": 15, "smile": 0.6}}
    turning, _, _ = client.predict(face, keys, api_name="/edit_video")
    print("turning:", turning)


if __name__ == "__main__":
    if len(sys.argv) not in (4, 5):
        sys.exit(__doc__)
    main(*sys.argv[1:])
