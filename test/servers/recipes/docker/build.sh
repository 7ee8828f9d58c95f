#!/bin/bash
# A Docker engine without installing one: Debian's packages, extracted into ./ext, and a minimal Debian as ./rootfs.tar, which the
# images that no registry can give here are made of. Needs apt-get, dpkg-deb and root (debootstrap makes device nodes).
set -euo pipefail
here=$PWD
mirror=$(apt-get indextargets --format '$(REPO_URI)' | grep -v security | sort -u | head -1)
mkdir -p debs ext apt/lists/partial apt/cache/archives/partial

# The engine of Debian 13 has compose and buildx as packages; it runs on 12 as it is. The rest comes from the machine's own release.
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror trixie main" > apt/sources.list
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror bookworm main" > apt/own.list
fetch() {
  local list=$1
  shift
  local options=(-o "Dir::Etc::sourcelist=$here/apt/$list" -o Dir::Etc::sourceparts=- -o "Dir::State::lists=$here/apt/lists-$list"
    -o "Dir::Cache=$here/apt/cache-$list" -o APT::Sandbox::User=root -o Acquire::Languages=none)
  mkdir -p "apt/lists-$list/partial" "apt/cache-$list/archives/partial"
  apt-get "${options[@]}" -qq update
  (cd debs && apt-get "${options[@]}" -qq download "$@")
}
fetch sources.list docker.io docker-cli docker-compose docker-buildx
fetch own.list containerd runc tini debootstrap iptables libip4tc2 libip6tc2 libxtables12 libnetfilter-conntrack3 libnfnetlink0 \
  libnftnl11 libmnl0 nftables libnftables1 libjansson4 libedit2 libbsd0
for deb in debs/*.deb; do dpkg-deb -x "$deb" ext; done
# The alternatives system makes these links when packages are installed.
for name in iptables iptables-save iptables-restore ip6tables ip6tables-save ip6tables-restore; do
  ln -sf xtables-nft-multi "ext/usr/sbin/$name"
done
mkdir -p ext/cli-plugins
ln -sf ../usr/libexec/docker/cli-plugins/docker-compose ../usr/libexec/docker/cli-plugins/docker-buildx ext/cli-plugins/

DEBOOTSTRAP_DIR=$here/ext/usr/share/debootstrap ext/usr/sbin/debootstrap --variant=minbase --include=ca-certificates,curl \
  bookworm "$here/rootfs" "$mirror"
rm -rf rootfs/var/cache/apt/archives/*.deb rootfs/var/lib/apt/lists/* rootfs/usr/share/doc rootfs/usr/share/locale rootfs/usr/share/man
tar -C rootfs --numeric-owner --one-file-system -cf rootfs.tar .
rm -rf rootfs debs apt
