#!/usr/bin/env bash
# build.sh: the virtual Pi's kernel, modules and device tree, and the daemons that are tested beside gpstime; built once per content of this folder.
#
#   hw/bench/build.sh            builds if needed; the last line printed is the folder
#   hw/bench/build.sh --where    prints the folder and says by its exit code whether it is built
#
# GPSTIME_BENCH_CACHE  where to build          (default: ~/.cache/gpstime/virtual-pi)
# DEBIAN_URI           a Debian mirror to use  (default: those of this machine's own apt configuration)
# KVER                 kernel versions to try, first to last (default: 6.12); after them comes the one of this machine's Debian release.
#                      Patches for one version stand in kernel/patches/VERSION and are taken in place of the common ones
# JOBS                 compilers at once       (default: one for each processor)
#
# Only the installation of missing packages needs root; everything else is done as whoever calls. A build that is broken off leaves
# nothing but its log (CACHE/failed.log); a second one that is started meanwhile waits for the first and takes what that has made.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cache=${GPSTIME_BENCH_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/gpstime/virtual-pi}
wanted=${KVER:-6.12}
release=$(. /etc/os-release && echo "${VERSION_CODENAME:-unknown}")

# What decides the result: this folder's kernel side, this script, and the machine that it is built for.
hash=$( (cd "$here" && find kernel build.sh -type f ! -name '*.md' | LC_ALL=C sort | xargs sha256sum; echo "$release $(uname -m) $wanted") | sha256sum | cut -c1-16)
out=$cache/$hash
if [ "${1:-}" = --where ]; then
  echo "$out"
  [ -e "$out/ready" ]
  exit
fi
begun=$(date +%s)
say() { echo "virtual Pi: $* [$(($(date +%s) - begun)) s]"; }
refuse() { echo "virtual Pi: $*" >&2; exit 2; }

[ "$(uname -s) $(uname -m)" = "Linux x86_64" ] || refuse "the user-mode kernel is built on x86_64 Linux only (this is $(uname -s) $(uname -m)); a wired Pi runs the same tests: hw/rig/README.md"
is_built() {
  [ -e "$out/ready" ] || return 1
  say "built before ($(cat "$out/ready"))"
  case $(cat "$out/ready") in *instead*) say "to look for the wanted kernel again: rm -r $out" ;; esac
  echo "$out"
}
if is_built; then exit; fi
mkdir -p "$cache"
exec 9>"$out.lock"  # one for each state of this folder
flock -n 9 || { say "another build is under way: waiting for it"; flock 9; }
if is_built; then exit; fi
[ "$(. /etc/os-release && echo "${ID:-}")" = debian ] || refuse "the kernel's source and the daemons are Debian's packages, and this is not Debian; a wired Pi runs the same tests: hw/rig/README.md"
room=$(df -Pk "$cache" | awk 'NR == 2 { print int($4 / 1024) }')
[ "$room" -ge 3000 ] || refuse "the build needs 3 GB for a while, and $cache has $room MB; GPSTIME_BENCH_CACHE=DIR names another place"
for left in "$cache"/*.building; do  # what killed ones left
  if [ -e "$left" ] && { [ "$left" = "$out.building" ] || flock -n "${left%.building}.lock" true; }; then rm -rf "$left"; fi
done
work=$out.building
log=$work/build.log
child=
broken_off() {
  code=$?
  trap - EXIT
  [ -z "$child" ] || { kill "$child"; wait "$child"; } 2>/dev/null || true
  [ ! -e "$log" ] || mv "$log" "$cache/failed.log"
  rm -rf "$work"
  exit "$code"
}
trap broken_off EXIT
trap 'echo "virtual Pi: broken off" >&2; exit 130' INT
trap 'echo "virtual Pi: broken off" >&2; exit 143' TERM HUP

# ---- packages ---------------------------------------------------------------------------------------------------------------
missing=()
needs() { command -v "$1" >/dev/null || [ -x "/sbin/$1" ] || [ -x "/usr/sbin/$1" ] || missing+=("$2"); }
needs gcc gcc; needs make make; needs flex flex; needs bison bison; needs bc bc; needs xz xz-utils; needs patch patch
needs dtc device-tree-compiler; needs depmod kmod; needs busybox busybox-static; needs dpkg-deb dpkg; needs strip binutils
[ -e /usr/include/stdio.h ] || missing+=(libc6-dev)
if [ ${#missing[@]} -gt 0 ]; then
  install="apt-get install -y --no-install-recommends ${missing[*]}"
  if [ "$(id -u)" -eq 0 ]; then as_root=(); elif sudo -n true 2>/dev/null; then as_root=(sudo -n); else refuse "these packages are missing; as root: $install"; fi
  say "installing ${missing[*]}"
  "${as_root[@]}" apt-get update -qq
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive $install -qq >/dev/null
fi

# ---- downloads: a private apt state, so that the machine's own lists and sources stay as they are ------------------------------
mkdir -p "$work"/{dl,mods,tools} "$work"/apt/{none,lists/partial,cache/archives/partial}
: > "$work/apt/status"
configured() {  # the first archive of this machine's own apt configuration that ends so
  { awk '$1 == "URIs:" { for (i = 2; i <= NF; i++) print $i }' /etc/apt/sources.list.d/*.sources || true
    sed -n 's/^deb \(\[[^]]*\] *\)\?\([^ ]*\) .*/\2/p' /etc/apt/sources.list /etc/apt/sources.list.d/*.list || true; } 2>/dev/null | grep -E "$1/?\$" | sed 1q || true
}
mirror=${DEBIAN_URI:-$(configured /debian)}
security=$(configured /debian-security)
[ -n "$mirror" ] || refuse "no Debian mirror in this machine's apt configuration; name one: DEBIAN_URI=http://… hw/bench/build.sh"
signed='[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]'
apt() {
  local verb=$1; shift
  "apt-$verb" -qq -o Dir::State="$work/apt" -o Dir::State::status="$work/apt/status" -o Dir::State::lists="$work/apt/lists" -o Dir::Cache="$work/apt/cache" \
    -o Dir::Etc::sourcelist="$work/apt/sources.list" -o Dir::Etc::sourceparts="$work/apt/none" -o Dir::Etc::preferencesparts="$work/apt/none" -o Dir::Etc::preferences=/dev/null \
    -o APT::Sandbox::User="$(id -un)" -o Acquire::Languages=none -o Acquire::Retries=3 -o APT::Update::Error-Mode=any "$@"
}
sources() { printf 'deb %s %s %s main\n' "$signed" "$1" "$2" >> "$work/apt/sources.list"; }
lists() {  # read the lists of one more source; without it if it is not there
  cp "$work/apt/sources.list" "$work/apt/before" 2>/dev/null || : > "$work/apt/before"
  sources "$@"
  apt get update 2>>"$log" || { mv "$work/apt/before" "$work/apt/sources.list"; return 1; }
}
say "reading the package lists of $release"
lists "$mirror" "$release" || { tail -n 5 "$log" >&2; refuse "the package lists of $release could not be read from $mirror: is there a network?"; }
lists "$mirror" "$release-backports" || say "no $release-backports on this mirror: going on without"
[ -z "$security" ] || lists "$security" "$release-security" || say "no $release-security: going on without"
# What this release calls its kernel source; the pinned backports do not count.
own=$(apt cache depends linux-source 2>/dev/null | sed -n 's/^ *Depends: linux-source-//p' | sed 1q)
version=
for v in $wanted $own; do
  if apt cache show "linux-source-$v" >/dev/null 2>&1; then version=$v; break; fi
  say "linux-source-$v is not to be had: trying the next"
done
[ -n "$version" ] || refuse "none of the kernel sources ${wanted// /, }${own:+, $own} is on this mirror; name one that is: KVER=6.x hw/bench/build.sh"
instead=
case " $wanted " in *" $version "*) ;; *) instead=" of $release, instead of ${wanted// / or }"; say "taking linux-$version$instead" ;; esac
# chrony and gpsd are unpacked, not installed, and beside them what of their libraries this machine does not have.
installed() { dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null | grep -q '^installed'; }
libraries=()
while read -r name; do installed "$name" || libraries+=("$name"); done < <(
  apt cache depends --recurse --no-recommends --no-suggests --no-conflicts --no-breaks --no-replaces --no-enhances chrony gpsd | grep -E '^lib' | grep -v -- -perl | sort -u)
say "downloading linux-source-$version (about 150 MB), chrony, gpsd${libraries[*]:+ and for them ${libraries[*]}}"
for package in "linux-source-$version" chrony gpsd "${libraries[@]}"; do
  (cd "$work/dl" && apt get download "$package") || say "$package could not be downloaded"
done
ls "$work"/dl/linux-source-*.deb >/dev/null 2>&1 || refuse "linux-source-$version could not be downloaded"
for package in "$work"/dl/*.deb; do
  case $package in */linux-source-*) ;; *) dpkg-deb -x "$package" "$work/tools" ;; esac
done

beside=$(echo "$work"/tools/usr/lib/*-linux-gnu "$work"/tools/lib/*-linux-gnu | tr ' ' :)
for daemon in chronyd gpsd; do
  lacks=$(LD_LIBRARY_PATH=$beside ldd "$work/tools/usr/sbin/$daemon" 2>&1 | grep 'not found' || true)
  [ -z "$lacks" ] || say "$daemon will not run here, and its tests will fail: $lacks"
done

# ---- the kernel --------------------------------------------------------------------------------------------------------------
say "unpacking the kernel"
# Without most of what is never compiled here: half the files, and they have to be removed again. The Kconfig files stay.
unused=(--exclude='*/arch/[!ux]*/*.[chS]' --exclude='*/arch/[!ux]*/*.dts*' --exclude='*/tools/testing/*' --exclude='*/Documentation/*.[rty]*')
for part in sound drivers/gpu 'drivers/net/*' drivers/media drivers/staging drivers/infiniband drivers/scsi; do unused+=(--exclude="*/$part/*.[ch]"); done
src=$work/linux-source-$version
dpkg-deb --fsys-tarfile "$work"/dl/linux-source-*.deb | tar -xO "./usr/src/linux-source-$version.tar.xz" | xz -dc |
  tar -x -C "$work" "${unused[@]}"
for p in "$here"/kernel/patches/*.patch; do
  name=$(basename "$p" .patch)
  if [ -e "$here/kernel/patches/$version/$name.patch" ]; then p=$here/kernel/patches/$version/$name.patch; fi
  say "patch $(basename "$p")"
  patch -s -p1 -d "$src" < "$p" || refuse "$(basename "$p") does not fit linux-$version; one that does belongs into kernel/patches/$version"
done
run() {  # beside this shell, so that a signal is answered while it works
  "$@" >>"$log" 2>&1 9>&- & child=$!
  wait "$child" || { tail -n 30 "$log" >&2; refuse "this failed: $* (all of it: $cache/failed.log)"; }
  child=
}
kernel() { run make -s -j"${JOBS:-$(nproc)}" -C "$src" ARCH=um O="$work/obj" "$@"; }
mkdir -p "$work/obj"
kernel allnoconfig KCONFIG_ALLCONFIG="$here/kernel/uml.config"
say "compiling linux-$version (some minutes)"
kernel linux modules
cp -r "$here/kernel/modules" "$work/kmod"
say "compiling the virtual devices"
kernel M="$work/kmod" modules
cp "$work"/obj/drivers/pps/clients/pps-ktimer.ko "$work"/kmod/*.ko "$work/mods/"
strip -s -o "$work/linux" "$work/obj/linux"
dtc -q -I dts -O dtb -o "$work/vpi.dtb" "$here/kernel/vpi.dts"
rm -rf "$src" "$work/obj" "$work/kmod" "$work/dl" "$work/apt"
echo "linux $version$instead, $(date -u +%F)" > "$work/ready"
rm -rf "$out"
mv "$work" "$out"
trap - EXIT
say "done: $(du -sh --apparent-size "$out/linux" | cut -f1) of kernel"
echo "$out"
