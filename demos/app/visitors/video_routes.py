"""The route that serves a visitor's own videos and pictures, finished or growing."""

from pathlib import Path

from gfla.demos.app.ui.samples import SHOWCASE
from gfla.demos.app.visitors.access import logged_in
from gfla.demos.app.visitors.service import Service
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

_PRIVATE = {"Cache-Control": "private, no-store"}


def video_routes(service: Service) -> list[Route]:
    """gfla/TOKEN/NAME: the file that `Visit.serve` named so; gfla/showcase/NAME: a finished result that is
    shipped. Names are looked up, never made into paths."""
    shipped = {file: SHOWCASE / file for _, _, file in service.samples.showcase}

    async def serve(request: Request) -> Response:
        visit = service.visits.by_token(request.path_params["token"])
        if not logged_in(request):
            return PlainTextResponse("Log in first.", 401)
        file = visit.served.get(request.path_params["name"]) if visit else None
        if file is None:
            return PlainTextResponse("This file is no longer here.", 404)
        if isinstance(file, Path):
            return FileResponse(file, headers=_PRIVATE)
        return StreamingResponse(file.follow(), media_type="video/mp4", headers=_PRIVATE)

    async def show(request: Request) -> Response:
        if not logged_in(request):
            return PlainTextResponse("Log in first.", 401)
        file = shipped.get(request.path_params["name"])
        return FileResponse(file) if file else PlainTextResponse("There is no such file.", 404)

    return [Route("/gfla/showcase/{name}", show), Route("/gfla/{token}/{name}", serve)]
