"""What an image is made of, as an SPDX 2.3 document (ISO/IEC 5962): every package of Debian and of PyPI with its version.

It says nothing of licences that nobody has read: they are NOASSERTION. It refuses a document that its own library finds invalid.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from spdx_tools.spdx.model.actor import Actor, ActorType
from spdx_tools.spdx.model.checksum import Checksum, ChecksumAlgorithm
from spdx_tools.spdx.model.document import CreationInfo, Document
from spdx_tools.spdx.model.package import ExternalPackageRef, ExternalPackageRefCategory, Package
from spdx_tools.spdx.model.relationship import Relationship, RelationshipType
from spdx_tools.spdx.model.spdx_no_assertion import SpdxNoAssertion
from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document
from spdx_tools.spdx.writer.write_anything import write_file

from seedvm.base.errors import SeedvmError
from seedvm.image.manifest import FileSum, GoldenManifest
from seedvm.image.times import epoch

_DOCUMENT = "SPDXRef-DOCUMENT"


def write(path: Path, name: str, golden: GoldenManifest, files: Mapping[str, FileSum]) -> None:
    """The bill of materials of `files` by name, which hold what the golden image's manifest lists."""
    tops = [_file_package(file, golden.key, one.sha256, number) for number, (file, one) in enumerate(files.items())]
    parts = [_package("deb", name, version) for name, version in golden.packages.items()]
    parts += [_package("pypi", name, version) for name, version in golden.python.items()]
    document = Document(
        CreationInfo(
            spdx_version="SPDX-2.3",
            spdx_id=_DOCUMENT,
            name=f"{name}-{golden.key}",
            document_namespace=f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, 'seedvm-sbom:' + golden.key)}",
            creators=[Actor(ActorType.TOOL, "seedvm")],
            created=datetime.fromtimestamp(epoch(), UTC).replace(tzinfo=None),
        ),
        packages=[*tops, *parts],
        relationships=[
            *(Relationship(_DOCUMENT, RelationshipType.DESCRIBES, top.spdx_id) for top in tops),
            *(Relationship(top.spdx_id, RelationshipType.CONTAINS, part.spdx_id) for top in tops for part in parts),
        ],
    )
    wrong = validate_full_spdx_document(document)
    if wrong:
        raise SeedvmError(
            "the bill of materials is not valid SPDX", why=wrong[0].validation_message, hint="report it as a defect"
        )
    write_file(document, str(path), validate=False)


def _file_package(file: str, version: str, sha256: str, number: int) -> Package:
    return Package(
        spdx_id=f"SPDXRef-image-{number}",
        name=file,
        version=version,
        download_location=SpdxNoAssertion(),
        files_analyzed=False,
        checksums=[Checksum(ChecksumAlgorithm.SHA256, sha256)],
        license_declared=SpdxNoAssertion(),
        license_concluded=SpdxNoAssertion(),
    )


def _package(kind: str, name: str, version: str) -> Package:
    where = f"pkg:deb/debian/{name}@{version}?arch=amd64" if kind == "deb" else f"pkg:pypi/{name}@{version}"
    clean = "".join(letter if letter.isalnum() or letter in ".-" else "-" for letter in name)
    return Package(
        spdx_id=f"SPDXRef-{kind}-{clean}-{uuid.uuid5(uuid.NAMESPACE_URL, kind + name).hex[:8]}",
        name=name,
        version=version,
        download_location=SpdxNoAssertion(),
        files_analyzed=False,
        license_declared=SpdxNoAssertion(),
        license_concluded=SpdxNoAssertion(),
        external_references=[
            ExternalPackageRef(ExternalPackageRefCategory.PACKAGE_MANAGER, "purl", where.replace("+", "%2B"))
        ],
    )
