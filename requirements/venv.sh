#!/bin/sh
# The virtual environment, as the Makefile calls for it; PYTHON may be empty.
#   venv.sh check DIR PYTHON                     removes DIR if it is broken, half filled or not of PYTHON
#   venv.sh fill DIR PYTHON COUNT PIP-ARGUMENTS  makes DIR where it is missing, and installs COUNT packages
set -eu

say() { printf 'setup: %s\n' "$*" >&2; }
version_of() { "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null; }
is_new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }
can() { "$1" -c "import $2" 2>/dev/null; }

find_python() {
    too_old='' bare='' version=''
    if [ -n "$1" ]; then set -- "$1"; else set -- python3 python3.13 python3.12 python3.11; fi
    for each in "$@"; do
        version=$(version_of "$each") || continue
        if ! is_new_enough "$each"; then
            too_old="$each is $version"
        elif ! can "$each" 'ensurepip, venv'; then
            bare="$each cannot make a virtual environment: install its venv (Debian, Ubuntu: python$version-venv)"
        else
            printf '%s\n' "$each"
            return
        fi
    done
    say "${bare:-Python 3.11 or later is needed, but ${too_old:-there is no $* here}: install it, or say where it is with PYTHON=/path/to/python3.13}"
    return 1
}

what_is_wrong() {
    python=$1/bin/python
    if [ -e "$1/.half-filled" ]; then
        echo 'was never finished'
    elif ! can "$python" pip; then
        echo 'is broken'
    elif ! is_new_enough "$python"; then
        echo "is of Python $(version_of "$python")"
    elif [ -n "$2" ] && [ "$(version_of "$2")" != "$(version_of "$python")" ]; then
        echo "is not of $2"
    fi
}

check() {
    [ -d "$1" ] || return 0
    why=$(what_is_wrong "$1" "$2")
    [ -z "$why" ] || { say "$1 $why and is made anew"; rm -rf "$1"; }
}

# Shows pip's first word on each package as a count; its exit code is the result.
with_progress() {
    count=$1
    shift
    code=$({ { result=0; "$@" 3>&- || result=$?; echo "$result" >&3; } | awk -v count="$count" '
        /^Collecting|^Obtaining|^Processing/ { if (++n % 10 == 0) { print "setup:   " n " of " count " packages"; fflush() } }
        /^Installing collected/ { print "setup:   unpacking"; fflush() }' >&2; } 3>&1)
    return "${code:-1}"
}

fill() {
    venv=$1 python=$2 count=$3
    shift 3
    if [ ! -d "$venv" ]; then
        python=$(find_python "$python")
        say "making $venv with $python ($(version_of "$python"))"
        mkdir "$venv"
        : >"$venv/.half-filled"
        "$python" -m venv "$venv"
    fi
    : >"$venv/.half-filled"
    say "installing $count packages"
    with_progress "$count" "$venv/bin/python" -m pip install --disable-pip-version-check --progress-bar off "$@"
    rm "$venv/.half-filled"
}

"$@"
