"""The lab as one more process of a local system, in the place of all providers."""

import sys
from pathlib import Path

from service_kit.secret_files import FILE_SUFFIX

from asyncnotify.local.settings import UpSettings
from asyncnotify.local.system import ServiceProcess


def lab_process(settings: UpSettings, data_dir: Path) -> ServiceProcess:
    """Return how the lab is started. `asyncnotify lab` is a plug-in of the command."""
    options = {
        "--http-port": settings.lab_http_port,
        "--https-port": settings.lab_https_port,
        "--smtp-port": settings.lab_smtp_port,
        "--smtps-port": settings.lab_smtps_port,
        "--data-dir": data_dir / "lab",
    }
    words = [str(word) for option in options.items() for word in option]
    return ServiceProcess(
        name="lab",
        prefix="LAB_HTTP",
        command=(sys.executable, "-m", "asyncnotify.main", "lab", *words),
        main="asyncnotify.main",
        environment={},
        port=settings.lab_http_port,
    )


async def lab_settings(lab: ServiceProcess, public_url: str) -> dict[str, str]:
    """Ask a running lab for its providers; return what the dispatcher's environment needs.

    It names providers for every channel, so that none that is set otherwise is used. The lab posts
    receipts to the gateway at `public_url`.
    """
    import httpx  # noqa: PLC0415 - nothing else that runs the services needs it

    async with httpx.AsyncClient(trust_env=False) as http:
        about = (await http.get(f"{lab.url}/lab")).raise_for_status().json()
    providers = {
        f"{channel.upper()}_PROVIDERS": ",".join(urls)
        for channel, urls in about["provider_urls"].items()
    }
    no_files = {f"{name}{FILE_SUFFIX}": "" for name in providers}
    own = {"DELIVERY": "live", "PUBLIC_URL": public_url, "LAB_URL": lab.url}
    return {**providers, **no_files, **own}
