"""A server that behaves as Vercel's API is documented, and a tenant's project there."""

from __future__ import annotations

import time
from typing import Any, Final

from tests.plugins.deployments.peer import Arrived, DeploymentPeer, Project, step_on
from tests.plugins.deployments.service import TOKEN, Service

HOOKS: Final = "/v1/integrations/deploy/"


class VercelPeer(DeploymentPeer):
    def deploy(self, project: Project, **more: Any) -> dict[str, Any]:
        number = len(self.deployments) + 1
        return self.made(
            uid=f"dpl_{number}",
            name=project.name,
            url=f"{project.name}-{number}.vercel.app",
            inspectorUrl=f"https://vercel.com/acme/{project.name}/{number}",
            created=int(time.time() * 1000),
            target="production",
            projectId=project.id,
            **{"meta": {}, **more},
        )

    def answer(self, request: Arrived) -> tuple[int, Any]:
        if request.path.startswith(HOOKS):
            return self._hook(*request.path.removeprefix(HOOKS).split("/"))
        usable = self.usable(request.token)
        if not usable:
            return 403, self.error(403, "Not authorized")
        usable = [one for one in usable if one.team_id == request.query.get("teamId", "")]
        match request.path.strip("/").split("/"):
            case ["v6", "deployments"]:
                return self._listed(usable, request.query)
            case ["v13", "deployments"] if request.method == "POST":
                return self._created(usable, request.body)
            case ["v13", "deployments", identity]:
                return self._looked_at(usable, identity)
            case ["v9", "projects", name]:
                found = _named(usable, name)
                return (200, {"id": found.id, "name": found.name}) if found else self._missing("project")
        return self._missing("page")

    def error(self, code: int, message: str) -> dict[str, Any]:
        return {"error": {"code": "failed", "message": message}}

    def _missing(self, what: str) -> tuple[int, Any]:
        return 404, self.error(404, f"Could not find the {what}")

    def _hook(self, project_id: str, hook: str) -> tuple[int, Any]:
        found = next((one for one in self.projects if one.id == project_id and hook in one.hooks), None)
        if found is None:
            return self._missing(f"deploy hook {hook}")
        self.deploy(found, meta={"deployHookId": hook, "deployHookName": "cms"})
        job = {"id": "okzCd50AIap1O31g0gne", "state": "PENDING", "createdAt": int(time.time() * 1000)}
        return 201, {"job": job}

    def _listed(self, usable: list[Project], query: dict[str, str]) -> tuple[int, Any]:
        found = _named(usable, query["projectId"])
        if found is None:
            return self._missing("project")
        listed = [_shown(one) for one in self.deployments if one["projectId"] == found.id]
        for name in {"state", "target"} & query.keys():
            listed = [one for one in listed if one[name] == query[name]]
        return 200, {"deployments": listed[: int(query["limit"])], "pagination": {}}

    def _created(self, usable: list[Project], body: dict[str, Any]) -> tuple[int, Any]:
        found = _named(usable, body["project"])
        if found is None:
            return self._missing("project")
        if body["deploymentId"] not in [one["uid"] for one in self.deployments]:
            return self._missing("deployment")
        made = self.deploy(found, meta=body["meta"])
        made["target"] = body.get("target", "preview")
        return 200, _shown(made, key="id")

    def _looked_at(self, usable: list[Project], identity: str) -> tuple[int, Any]:
        for one in self.deployments:
            if one["uid"] == identity and any(project.id == one["projectId"] for project in usable):
                step_on(one)
                return 200, _shown(one, key="id")
        return self._missing("deployment")


def _named(projects: list[Project], name: str) -> Project | None:
    return next((one for one in projects if name in (one.id, one.name)), None)


def _shown(deployment: dict[str, Any], *, key: str = "uid") -> dict[str, Any]:
    word, _, reason = deployment["states"][0].partition(": ")
    shown = {name: value for name, value in deployment.items() if name not in ("states", "uid")}
    shown |= {key: deployment["uid"], "readyState": word.upper(), "state": word.upper()}
    return {**shown, "errorCode": "BUILD_FAILED", "errorMessage": reason} if reason else shown


VERCEL: Final = Service(
    title="Vercel",
    name="vercel",
    plugin_id="vercel-deployer",
    peer=VercelPeer,
    project=Project(id="prj_mine", name="mine", token=TOKEN, hooks={"hookOfMine"}),
    hook_secret="deploy_hook",
    hook_address="https://api.vercel.com/v1/integrations/deploy/prj_mine/hookOfMine",
    hook_noun="deploy hook",
    project_setting="project",
    project_noun="project",
    config_by_hook={},
    remote_id="dpl_{}",
    url="https://mine-{}.vercel.app",
    details_url="https://vercel.com/acme/mine/{}",
    mark=lambda pk: {"meta": {"deployHookId": "hookOfMine"}},
    # Before the API can repeat a deployment, one has to be there, and it is listed first.
    deployed_before=1,
    asks_before_starting=1,
)
