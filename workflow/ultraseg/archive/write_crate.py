"""Writes the metadata of a RO-Crate from facts in a JSON file; in an environment of its own, without ultraseg.

python -P write_crate.py FACTS.json FOLDER
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

PROFILES = [
    "https://w3id.org/ro/wfrun/process/0.5",
    "https://w3id.org/ro/wfrun/workflow/0.5",
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0",
]
SNAKEMAKE = "https://w3id.org/workflowhub/workflow-ro-crate#snakemake"


def metadata(facts: dict[str, Any]) -> dict[str, Any]:
    """The content of ro-crate-metadata.json. facts: from ``ultraseg.archive.crate``."""
    from rocrate.model.computationalworkflow import ComputationalWorkflow
    from rocrate.model.contextentity import ContextEntity
    from rocrate.rocrate import ROCrate

    crate = ROCrate(version="1.1")

    def about(identifier: str, properties: dict[str, Any]) -> Any:
        return crate.add(ContextEntity(crate, identifier, properties=properties))

    root = crate.root_dataset
    crate.name, crate.description = facts["name"], facts["description"]
    root["datePublished"] = facts["ended"]
    root["license"] = about(facts["licence"], {"@type": "CreativeWork", "name": facts["licence"]})
    root["conformsTo"] = [
        about(
            uri,
            {"@type": "CreativeWork", "name": uri.rsplit("/", 2)[-2], "version": uri.rsplit("/", 1)[-1]},
        )
        for uri in PROFILES
    ]
    authors = [about(one["id"], {"@type": "Person", "name": one["name"]}) for one in facts["authors"]]
    root["author"] = authors
    language = about(
        SNAKEMAKE,
        {"@type": "ComputerLanguage", "name": "Snakemake", "identifier": {"@id": "https://snakemake.readthedocs.io"},
        "url": {"@id": "https://snakemake.readthedocs.io"}, "version": facts["snakemake"]},
    )  # fmt: skip
    properties = {
        "name": "ultraseg", "version": facts["version"], "license": facts["code_licence"],
        "description": "Cells and organelles in 3D electron microscopy.",
    }  # fmt: skip
    workflow = crate.add(ComputationalWorkflow(crate, dest_path=facts["workflow"], properties=properties))
    workflow["programmingLanguage"] = language
    crate.mainEntity = workflow
    parameters = []
    for key, value in facts["parameters"].items():
        formal = about(
            f"#parameter-{key}", {"@type": "FormalParameter", "name": key, "additionalType": "Text"}
        )
        formal["conformsTo"] = {"@id": "https://bioschemas.org/profiles/FormalParameter/1.0-RELEASE"}
        parameter = about(f"#value-{key}", {"@type": "PropertyValue", "name": key, "value": value})
        parameter["exampleOfWork"] = formal
        workflow.append_to("input", formal)
        parameters.append(parameter)
    inputs = [
        about(f"#input-{number}", {"@type": "CreativeWork", "name": what, "description": path})
        for number, (what, path) in enumerate(facts["inputs"])
    ]
    config = crate.add_file(
        dest_path=facts["config"], properties={"name": "configuration", "encodingFormat": "application/yaml"}
    )
    results = []
    for path, what in facts["files"]:
        results.append(crate.add_file(dest_path=path, properties={"name": what}))
    for path, what in facts["folders"]:
        results.append(crate.add_dataset(dest_path=path, properties={"name": what}))
    software = [
        about(f"#software-{name}", {"@type": "SoftwareApplication", "name": name, "softwareVersion": version})
        for name, version in facts["software"]
    ]
    action = about(
        "#run",
        {"@type": "CreateAction", "name": facts["name"], "startTime": facts["started"], "endTime": facts["ended"],
        "actionStatus": "http://schema.org/CompletedActionStatus", "description": facts["command"]},
    )  # fmt: skip
    action["instrument"] = workflow
    action["agent"] = authors
    action["object"] = [config, *parameters, *inputs]
    action["result"] = results
    root["mentions"] = action
    workflow["softwareRequirements"] = software
    root["variableMeasured"] = [
        about(f"#score-{number}", {"@type": "PropertyValue", "name": name, "value": value})
        for number, (name, value) in enumerate(facts["scores"])
    ]
    found: dict[str, Any] = crate.metadata.generate()

    return found


def main() -> None:
    facts, folder = json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2])
    part = folder / ".part-ro-crate-metadata.json"
    part.write_text(json.dumps(metadata(facts), indent=1, ensure_ascii=False))
    part.replace(folder / "ro-crate-metadata.json")


if __name__ == "__main__":
    main()
