#!/usr/bin/env bash
# system_libraries.sh PYTHON: make sure that `import bpy` works with this Python.
# Says which of the system's libraries are missing and how to get them; installs them itself where it may.
set -euo pipefail
python=$1

if "$python" -c 'import bpy' 2>/tmp/ft2os-import-bpy.$$; then
    rm -f /tmp/ft2os-import-bpy.$$
    exit 0
fi
error=$(tail -n 1 /tmp/ft2os-import-bpy.$$)
rm -f /tmp/ft2os-import-bpy.$$
case "$error" in
    *"cannot open shared object file"*) ;;
    *) echo "import bpy fails: $error" >&2; exit 1 ;;
esac

# What a bare Debian 12 or Ubuntu lacks; the last two serve EEVEE, Workbench and the gpu module.
packages="libx11-6 libxrender1 libxfixes3 libxi6 libxkbcommon0 libsm6 libgl1 libgomp1 libegl1 libgl1-mesa-dri"
command="apt-get install -y --no-install-recommends $packages"
echo "Blender needs system libraries that are not here: $error"
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "Installing them: $command"
    apt-get update -q >/dev/null && DEBIAN_FRONTEND=noninteractive $command -q >/dev/null
else
    echo "Install them and run the same command again:" >&2
    echo "    sudo $command" >&2
    exit 1
fi
"$python" -c 'import bpy'
