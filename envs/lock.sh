#!/usr/bin/env bash
# Resolves envs/requirements.in to envs/cpu.lock, gpu.lock and jax.lock: pins and hashes for Python 3.11 to 3.13.
set -eu
cd "$(dirname "$0")"
tool=$(mktemp -d)
trap 'rm -rf "$tool"' EXIT
python3 -m venv "$tool" && "$tool/bin/pip" install -q uv
compile() {
    "$tool/bin/uv" pip compile -q --universal --fork-strategy fewest --python-version 3.11 --generate-hashes --no-annotate \
        --no-emit-index-url --no-header -o "$1" "$2" "${@:3}"
}
compile cpu.lock <(cat requirements.in; echo tensorflow-cpu)
# The same versions with a GPU, but for TensorFlow itself.
compile gpu.lock <(cat requirements.in; echo 'tensorflow[and-cuda]') \
    -c <(grep -E '^[a-z0-9].*==' cpu.lock | sed 's/ \\$//' | grep -v '^tensorflow')
# With JAX beside TensorFlow, which still writes the .tflite files: `make env ENV=jax`, then KERAS_BACKEND=jax.
compile jax.lock <(cat requirements.in; echo tensorflow-cpu; echo jax) \
    -c <(grep -E '^[a-z0-9].*==' cpu.lock | sed 's/ \\$//')
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
