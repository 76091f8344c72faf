#!/usr/bin/env bash
# Resolves the dependencies in pyproject.toml to envs/cpu.lock, gpu.lock, jax.lock, napari.lock, extras.lock and webknossos.lock: pins and hashes for Python 3.11 to 3.13.
# A pin that a lock has stays as long as it fits; `rm envs/*.lock` first takes the newest of everything.
set -eu
cd "$(dirname "$0")"
tool=$(mktemp -d)
trap 'rm -rf "$tool"' EXIT
python3 -m venv "$tool" && "$tool/bin/pip" install -q uv
resolve() {
    "$tool/bin/uv" pip compile -q --universal --fork-strategy fewest --python-version 3.11 --generate-hashes --no-annotate \
        --no-emit-index-url --no-header "$@"
}
compile() {
    resolve --extra dev --extra "$1" -o "$1.lock" ../pyproject.toml "${@:2}"
}
compile cpu
# The same versions with a GPU, but for TensorFlow itself.
compile gpu -c <(grep -E '^[a-z0-9].*==' cpu.lock | sed 's/ \\$//' | grep -v '^tensorflow')
compile jax -c <(grep -E '^[a-z0-9].*==' cpu.lock | sed 's/ \\$//')
# napari in an environment of its own.
resolve --group ../pyproject.toml:napari -o napari.lock -c <(grep -E '^[a-z0-9].*==' cpu.lock | sed 's/ \\$//')
# What few people need, in an environment of its own; the check of RO-Crates wants another rich.
resolve --group ../pyproject.toml:extras -o extras.lock -c <(grep -E '^[a-z0-9].*==' cpu.lock | sed 's/ \\$//' | grep -v '^rich==')
# The library of webKnossos, for tests of its files; it wants versions of its own.
resolve --group ../pyproject.toml:webknossos -o webknossos.lock
# For `snakemake --software-deployment-method conda`, which copies the file away from the locks: the same pins.
{
    echo '# Made by envs/lock.sh from cpu.lock.'
    echo 'name: ultraseg-workflow'
    echo 'channels: [conda-forge]'
    echo 'dependencies:'
    echo '  - python=3.12'
    echo '  - pip'
    echo '  - pip:'
    grep -E '^[a-z0-9].*==' cpu.lock | tr -d '\\' | sed -E 's/ +$//; s/.*/      - "&"/'
} > workflow.yaml
