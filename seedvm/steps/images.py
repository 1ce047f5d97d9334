"""The golden image is in Glance, whole and equal to its manifest. It refuses an image whose sum in Glance is another one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from seedvm.base.errors import SeedvmError
from seedvm.cloud import glance
from seedvm.engine.stages import Stage
from seedvm.engine.step import Context, Done, Report, Todo, Verdict
from seedvm.provisioning.images import ImageFiles, open_images, proofs
from seedvm.provisioning.ownership import cloud_of, look


@dataclass(frozen=True)
class ImagesStep:
    """The golden image is in Glance."""

    context: Context
    name: ClassVar[str] = "images"
    title: ClassVar[str] = "Upload the golden image to Glance"
    stage: ClassVar[Stage] = "images"
    usual_seconds: ClassVar[float] = 45.0

    async def check(self) -> Verdict:
        cloud = cloud_of(self.context)
        ownership = await look(self.context, cloud)
        if not ownership.answers:
            return Todo("the seed's cloud does not answer yet")
        if ownership.handed_over and ownership.stack is not None:
            found = [one for one in await glance.images(cloud, glance.GOLDEN) if one.status == "active"]
            return Done({"handed_over": True, "image": found[0].id if found else None})
        files = open_images(self.context.images_dir)
        image = await glance.active(cloud, golden(files))
        if image is None:
            return Todo(f"{glance.GOLDEN} of build {files.key or files.golden.sha256[:12]} is not in Glance")
        proof = proofs(self.context.state_dir, files).get(files.golden.path.name)
        if proof is not None and image.hash_algo == "sha512" and image.hash_value != proof.sha512:
            raise SeedvmError(
                "the golden image in Glance differs from the file",
                why=f"image {image.id}: sha512 {image.hash_value[:16]}..., file {proof.sha512[:16]}...",
                hint=f"openstack image delete {image.id}, then run again",
            )
        return Done(
            {
                "image": image.id,
                "bytes": image.size,
                "sha256": image.digest,
                image.hash_algo or "sha512": image.hash_value,
            }
        )

    async def apply(self, report: Report) -> None:
        source = golden(open_images(self.context.images_dir))
        report.log(f"uploading {source.path.name}")
        cloud = cloud_of(self.context)
        await glance.bring(
            cloud, source, self.context.site.name, lambda done, total: report.progress(done, total, "bytes")
        )


def golden(files: ImageFiles) -> glance.Source:
    """The golden image as Glance takes it: a whole disk, raw, so that nothing is converted on the way."""
    return glance.Source(
        glance.GOLDEN,
        files.golden.path,
        files.golden.sha256,
        "raw",
        {"seedvm_build": files.key or files.golden.sha256[:12]},
    )
