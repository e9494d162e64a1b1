#!/bin/sh
# Get what `make test-security` throws at the service, into .tools/: the pictures in the source packages of Pillow, exiv2,
# libjpeg-turbo, libtiff and libheif (Debian's), and of pillow-heif (PyPI's), and atheris, which fuzzes parsers.
# What cannot be had is named, and its tests are skipped.
set -eu
cd "$(dirname "$0")/.."
python=$PWD/.venv/bin/python
corpora=$PWD/.tools/corpora
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
suffixes="jpg jpeg jpe png gif webp tif tiff bmp ico heic heif avif jp2 mpo ppm exv"

unpack() { # ARCHIVE NAME: the pictures of an archive
    patterns=
    for suffix in $suffixes; do patterns="$patterns *.$suffix"; done
    mkdir -p "$scratch/$2"
    (set -f; tar -xf "$1" -C "$scratch/$2" --wildcards --ignore-case $patterns 2>/dev/null) || true
    [ -n "$(find "$scratch/$2" -type f -print -quit)" ] || return 1
    rm -rf "${corpora:?}/$2"
    mv "$scratch/$2" "$corpora/$2"
}

debian() { # NAME…: sources by apt, from the archives that this machine has packages from, without changing its lists
    mkdir -p "$scratch/apt/lists/partial" "$scratch/apt/cache/archives/partial" "$scratch/apt/sources"
    for list in /etc/apt/sources.list /etc/apt/sources.list.d/*; do
        case $list in
        *.sources) sed -E 's/^Types:.*/Types: deb-src/' "$list" >"$scratch/apt/sources/${list##*/}" ;;
        *.list) sed -nE 's/^deb /deb-src /p' "$list" >"$scratch/apt/sources/${list##*/}" ;;
        esac
    done
    options="-qq -o Dir::Etc::sourcelist=/dev/null -o Dir::Etc::sourceparts=$scratch/apt/sources
        -o Dir::State::lists=$scratch/apt/lists -o Dir::Cache=$scratch/apt/cache -o APT::Sandbox::User=root"
    # shellcheck disable=SC2086
    (cd "$scratch" && apt-get $options update && apt-get $options source --download-only "$@") >"$scratch/log" 2>&1
}

mkdir -p "$corpora"
missing=
for name in pillow exiv2 libjpeg-turbo tiff libheif; do
    [ -d "$corpora/$name" ] || missing="$missing $name"
done
# shellcheck disable=SC2086
if [ -n "$missing" ] && command -v apt-get >/dev/null 2>&1 && debian $missing; then
    for name in $missing; do
        for archive in "$scratch/$name"_*.orig.tar.*; do unpack "$archive" "$name" || true; done
    done
fi
if [ ! -d "$corpora/pillow-heif" ]; then
    "$python" -m pip download --quiet --disable-pip-version-check --no-input --no-deps --no-binary :all: \
        --dest "$scratch/heif" pillow-heif >"$scratch/log" 2>&1 || true
    for archive in "$scratch/heif"/*.tar.gz; do unpack "$archive" pillow-heif || true; done
fi
if [ ! -d .tools/fuzzer ]; then
    "$python" -m pip install --quiet --disable-pip-version-check --no-input --no-deps --require-hashes --no-compile \
        --target "$scratch/fuzzer" -r tools/requirements-fuzzer.lock >"$scratch/log" 2>&1 && mv "$scratch/fuzzer" .tools/fuzzer ||
        echo "No atheris: the tests that fuzz parsers are skipped." >&2
fi
for name in pillow exiv2 libjpeg-turbo tiff libheif pillow-heif; do
    if [ -d "$corpora/$name" ]; then
        echo "$name: $(find "$corpora/$name" -type f | wc -l) pictures"
    else
        echo "$name: its source package cannot be had here; its pictures are left out." >&2
    fi
done
