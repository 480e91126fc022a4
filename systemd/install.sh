#!/bin/sh
# Install ampilot as a service on a Debian machine: private virtual environment, system user, config, unit.
# Safe to repeat: an update keeps config, token and ledger. With DESTDIR set everything goes below that
# folder and neither users nor services are touched.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
dest=${DESTDIR:-}
python=${PYTHON:-python3}
home=$dest/opt/ampilot
conf=$dest/etc/ampilot
units=$dest/etc/systemd/system

die() {
    echo "install: $1" >&2
    exit 1
}

[ -n "$dest" ] || [ "$(id -u)" = 0 ] || die "needs root. Remedy: sudo make install"
"$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
    die "needs Python 3.11 or newer with venv. Remedy: apt install python3 python3-venv"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM

# Everything is fetched, checked against its hash and built before the old version is touched: a network that
# fails half-way leaves the running service as it is.
echo "install: fetching and checking packages"
"$python" -m venv "$work/build"
pip="$work/build/bin/python -m pip --disable-pip-version-check -q"
$pip install --require-hashes --only-binary=:all: -r "$here/requirements-build.lock"
$pip download --require-hashes --only-binary=:all: -d "$work/wheels" -r "$here/requirements.lock"
mkdir "$work/source"
for part in pyproject.toml README.md LICENSE controller strategies config; do
    cp -R "$here/$part" "$work/source/"
done
$pip wheel --no-deps --no-build-isolation -w "$work/own" "$work/source"

echo "install: private environment in $home"
rm -rf "$home.new"
"$python" -m venv "$home.new"
pip="$home.new/bin/python -m pip --disable-pip-version-check -q"
$pip install --no-index --find-links "$work/wheels" --require-hashes -r "$here/requirements.lock"
$pip install --no-index --no-deps "$work"/own/*.whl
"$home.new/bin/python" -m controller version >/dev/null || die "the new version does not start; nothing changed"
# A virtual environment holds its own path; it was built beside its place and moves there now.
find "$home.new/bin" -type f -exec sed -i "1s|^#!.*\.new/bin/|#!/opt/ampilot/bin/|" {} +
sed -i "s|$home\.new|/opt/ampilot|g" "$home.new/pyvenv.cfg"
install -D -m 0644 "$here/README.md" "$home.new/share/README.md"
rm -rf "$home"
mv "$home.new" "$home"
mkdir -p "$dest/usr/local/bin"
ln -sfn /opt/ampilot/bin/ampilot "$dest/usr/local/bin/ampilot"

echo "install: config in $conf"
install -d -m 0755 "$conf"
[ -e "$conf/ampilot.toml" ] || install -m 0644 "$here/config/ampilot.example.toml" "$conf/ampilot.toml"
# The token is root's alone; the service gets it from systemd as a credential.
[ -e "$conf/goe_token" ] || install -m 0600 /dev/null "$conf/goe_token"
install -d -m 0755 "$units"
install -m 0644 "$here/systemd/ampilot.service" "$here/systemd/ampilot-failure@.service" "$units/"

if [ -z "$dest" ]; then
    id ampilot >/dev/null 2>&1 ||
        useradd --system --user-group --home-dir /var/lib/ampilot --shell /usr/sbin/nologin ampilot
    if [ -d /run/systemd/system ]; then
        systemctl daemon-reload
        systemctl try-restart ampilot.service
    fi
fi

cat <<EOF
install: done. Next:
  1. sudo nano /etc/ampilot/ampilot.toml       your meter, your charger's serial number, your fuse
  2. sudo nano /etc/ampilot/goe_token          the cloud token, one line and nothing else
  3. sudo ampilot check                        reaches both and says what it read
  4. sudo systemctl enable --now ampilot
EOF
