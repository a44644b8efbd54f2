"""The route by which a visitor's own films reach the browser, finished or in the making."""

from pathlib import Path

from gfla.demos.app.visitors.access import logged_in
from gfla.demos.app.visitors.service import Service
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

_KEEP = {"Cache-Control": "private, no-store"}


def film_routes(service: Service) -> list[Route]:
    """gfla/TOKEN/NAME: what `Visit.give` gave that name; names are looked up, never made into paths."""

    async def give(request: Request) -> Response:
        visit = service.visits.by_token(request.path_params["token"])
        if not logged_in(request):
            return PlainTextResponse("Log in first.", 401)
        thing = visit.shown.get(request.path_params["name"]) if visit else None
        if thing is None:
            return PlainTextResponse("There is no such film any more.", 404)
        if isinstance(thing, Path):
            return FileResponse(thing, headers=_KEEP)
        return StreamingResponse(thing.follow(), media_type="video/mp4", headers=_KEEP)

    return [Route("/gfla/{token}/{name}", give)]
