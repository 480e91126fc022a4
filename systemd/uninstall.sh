#!/bin/sh
# Remove the service, its environment and its user. Config, token and ledger stay, unless PURGE=yes.
set -eu

dest=${DESTDIR:-}

if [ -z "$dest" ]; then
    [ "$(id -u)" = 0 ] || {
        echo "uninstall: needs root. Remedy: sudo make uninstall" >&2
        exit 1
    }
    if [ -d /run/systemd/system ]; then
        # A stop leaves the charger at its blind level (off, unless the config says otherwise).
        systemctl disable --now ampilot.service 2>/dev/null || true
    fi
fi
rm -f "$dest/etc/systemd/system/ampilot.service" "$dest/etc/systemd/system/ampilot-failure@.service"
rm -f "$dest/usr/local/bin/ampilot"
rm -rf "$dest/opt/ampilot" "$dest/opt/ampilot.new"
if [ -z "$dest" ]; then
    [ ! -d /run/systemd/system ] || systemctl daemon-reload
fi
if [ "${PURGE:-no}" = yes ]; then
    rm -rf "$dest/etc/ampilot" "$dest/var/lib/ampilot"
    rm -rf "$dest/etc/systemd/system/ampilot.service.d" "$dest/etc/systemd/system/ampilot-failure@.service.d"
    [ -n "$dest" ] || ! id ampilot >/dev/null 2>&1 || userdel ampilot
    echo "uninstall: all of it is gone, config, token and ledger too"
else
    echo "uninstall: done; /etc/ampilot (config, token) and /var/lib/ampilot (ledger) stay." \
        "To remove them too: sudo PURGE=yes make uninstall"
fi
