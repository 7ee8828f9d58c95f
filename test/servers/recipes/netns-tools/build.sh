#!/bin/bash
# iptables and ip without installing them: Debian 12's packages, extracted into ./ext. Using them needs root.
set -euo pipefail
here=$PWD
mirror=$(apt-get indextargets --format '$(REPO_URI)' | grep -v security | sort -u | head -1)
mkdir -p debs ext lists/partial cache/archives/partial
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror bookworm main" > sources.list
options=(-o "Dir::Etc::sourcelist=$here/sources.list" -o Dir::Etc::sourceparts=- -o "Dir::State::lists=$here/lists"
  -o "Dir::Cache=$here/cache" -o APT::Sandbox::User=root -o Acquire::Languages=none)
apt-get "${options[@]}" -qq update
# The two programs and their libraries in these versions; what every Debian has (libc, libselinux, krb5) is not among them.
(cd debs && apt-get "${options[@]}" -qq download iptables=1.8.9-2 libip4tc2=1.8.9-2 libip6tc2=1.8.9-2 libxtables12=1.8.9-2 \
  libnetfilter-conntrack3=1.0.9-3 libnfnetlink0=1.0.2-2 libnftnl11=1.2.4-2 libmnl0=1.0.4-3 iproute2=6.1.0-3 \
  libbpf1=1:1.1.2-0+deb12u1 libelf1=0.188-2.1 libbsd0=0.11.7-2 libmd0=1.0.4-2)
for deb in debs/*.deb; do dpkg-deb -x "$deb" ext; done
# The alternatives system makes these links when packages are installed.
for name in iptables iptables-save iptables-restore; do ln -sf xtables-nft-multi "ext/usr/sbin/$name"; done
# One that runs here, or no build at all.
XTABLES_LIBDIR=$here/ext/usr/lib/x86_64-linux-gnu/xtables LD_LIBRARY_PATH=$here/ext/usr/lib/x86_64-linux-gnu:$here/ext/lib/x86_64-linux-gnu \
  ext/usr/sbin/iptables --version
rm -rf debs lists cache sources.list
