"""The system calls that a sandboxed program may make, as a classic BPF program for the kernel.

An allow-list: what Python needs to compute, to use files in its scratch folder, to run threads and to wait.
Everything else is refused, whatever kernel it runs on: no socket but a pair with itself, no new process, no
`execve`, `mount`, `ptrace`, `bpf`, `io_uring`, `keyctl`, `userfaultfd`, `memfd_create`, `unshare`, `setns`.
"""

from __future__ import annotations

import functools
import struct

from ....run import EnvironmentFailure

# Name, number on x86_64, number on aarch64 (- where the call has a newer form only): linux/unistd.h of 6.1.
_ALLOWED = """
mmap 9 222  munmap 11 215  mprotect 10 226  mremap 25 216  madvise 28 233  brk 12 214  mincore 27 232  msync 26 227

read 0 63  write 1 64  readv 19 65  writev 20 66  pread64 17 67  pwrite64 18 68  preadv 295 69  pwritev 296 70
lseek 8 62  open 2 -  openat 257 56  creat 85 -  close 3 57  close_range 436 436  dup 32 23  dup2 33 -  dup3 292 24
pipe 22 -  pipe2 293 59  fcntl 72 25  flock 73 32  stat 4 -  fstat 5 80  lstat 6 -  newfstatat 262 79  statx 332 291
statfs 137 43  fstatfs 138 44  access 21 -  faccessat 269 48  faccessat2 439 439  readlink 89 -  readlinkat 267 78
getdents 78 -  getdents64 217 61  getcwd 79 17  chdir 80 49  fchdir 81 50  umask 95 166  truncate 76 45
ftruncate 77 46  fallocate 285 47  fsync 74 82  fdatasync 75 83  fadvise64 221 223  sendfile 40 71
copy_file_range 326 285  rename 82 -  renameat 264 38  renameat2 316 276  mkdir 83 -  mkdirat 258 34  rmdir 84 -
unlink 87 -  unlinkat 263 35  link 86 -  linkat 265 37  symlink 88 -  symlinkat 266 36  chmod 90 -  fchmod 91 52
fchmodat 268 53  utime 132 -  utimes 235 -  utimensat 280 88  futimesat 261 -  getxattr 191 8  lgetxattr 192 9
fgetxattr 193 10  listxattr 194 11  llistxattr 195 12  flistxattr 196 13

poll 7 -  ppoll 271 73  select 23 -  pselect6 270 72  epoll_create 213 -  epoll_create1 291 20  epoll_ctl 233 21
epoll_wait 232 -  epoll_pwait 281 22  eventfd 284 -  eventfd2 290 19
sendto 44 206  recvfrom 45 207  sendmsg 46 211  recvmsg 47 212  shutdown 48 210  getsockname 51 204
getpeername 52 205  getsockopt 55 209  setsockopt 54 208

clock_gettime 228 113  clock_getres 229 114  clock_nanosleep 230 115  nanosleep 35 101  gettimeofday 96 169
time 201 -  times 100 153  alarm 37 -  pause 34 -  getitimer 36 102  setitimer 38 103

rt_sigaction 13 134  rt_sigprocmask 14 135  rt_sigreturn 15 139  rt_sigpending 127 136  rt_sigtimedwait 128 137
rt_sigsuspend 130 133  sigaltstack 131 132  kill 62 129  tkill 200 130  tgkill 234 131  restart_syscall 219 128

futex 202 98  set_tid_address 218 96  set_robust_list 273 99  get_robust_list 274 100  rseq 334 293
arch_prctl 158 -  membarrier 324 283  gettid 186 178  sched_yield 24 124  sched_getaffinity 204 123
sched_getparam 143 121  sched_getscheduler 145 120  sched_get_priority_max 146 125
sched_get_priority_min 147 126  exit 60 93  exit_group 231 94  wait4 61 260  waitid 247 95

getpid 39 172  getppid 110 173  getuid 102 174  geteuid 107 175  getgid 104 176  getegid 108 177
getresuid 118 148  getresgid 120 150  getgroups 115 158  getpgid 121 155  getpgrp 111 -  getsid 124 156
setsid 112 157  setpgid 109 154  uname 63 160  sysinfo 99 179  getrandom 318 278  getrusage 98 165
getrlimit 97 163  setrlimit 160 164  prlimit64 302 261  getpriority 140 141
"""
# The same for calls that are allowed with some arguments only: `_bounded` says which.
_BOUNDED = "clone 56 220  socketpair 53 199  ioctl 16 29  prctl 157 167"

_MACHINES = {
    "x86_64": (0, 0xC000003E),
    "aarch64": (1, 0xC00000B7),
}  # column above, AUDIT_ARCH of linux/audit.h
_NEWER = 434  # numbers from here on are of 2019 or later, and the same on every machine

_ALLOW, _REFUSE, _UNKNOWN, _KILL = (
    0x7FFF0000,
    0x00050001,
    0x00050026,
    0x80000000,
)  # ALLOW, EPERM, ENOSYS, KILL
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06  # BPF_LD|ABS, JEQ, JGE, JSET, RET
_NUMBER, _ARCHITECTURE, _FIRST, _SECOND = (
    0,
    4,
    16,
    24,
)  # offsets in struct seccomp_data; arguments' low halves

CLONE_THREAD = 0x10000
AF_UNIX = 1
PR_SET_NAME, PR_GET_NAME = 15, 16
TERMINAL_AND_FLAGS = (0x5401, 0x5413, 0x5421, 0x541B, 0x5450, 0x5451)
"""TCGETS, TIOCGWINSZ (is this a terminal?), FIONBIO, FIONREAD, FIONCLEX, FIOCLEX."""


@functools.cache
def program(machine: str) -> bytes:
    """The filter for `machine` (as in `os.uname`), as an array of struct sock_filter.

    Raises EnvironmentFailure for a machine whose call numbers are not known here.
    """
    if machine not in _MACHINES:
        known = " and ".join(_MACHINES)
        raise EnvironmentFailure(f"sandbox: no system call numbers for {machine}; {known} have them")
    column, architecture = _MACHINES[machine]
    # A 32-bit call on a 64-bit kernel has numbers of its own: nobody who means well makes one.
    code = _op(_LOAD, _ARCHITECTURE) + _op(_EQUAL, architecture, then=1) + _op(_RETURN, _KILL)
    code += _op(_LOAD, _NUMBER)
    for number in _numbers(_ALLOWED, column).values():
        code += _op(_EQUAL, number, otherwise=1) + _op(_RETURN, _ALLOW)
    code += _bounded(**_numbers(_BOUNDED, column))
    # C libraries try new calls first and fall back where the answer is ENOSYS (clone3: to clone, checked above).
    return code + _op(_AT_LEAST, _NEWER, otherwise=1) + _op(_RETURN, _UNKNOWN) + _op(_RETURN, _REFUSE)


def _bounded(clone: int, socketpair: int, ioctl: int, prctl: int) -> bytes:
    """A thread but no process, a pair of sockets but no connection, and calls that ask or set a flag."""
    code = _with(clone, _FIRST, _op(_ANY_BIT, CLONE_THREAD, otherwise=1) + _op(_RETURN, _ALLOW))
    code += _with(socketpair, _FIRST, _is_one_of(AF_UNIX))
    code += _with(ioctl, _SECOND, _is_one_of(*TERMINAL_AND_FLAGS))
    return code + _with(prctl, _FIRST, _is_one_of(PR_SET_NAME, PR_GET_NAME))


def _with(number: int, argument: int, checks: bytes) -> bytes:
    """`checks` over one argument, where the call is `number`; refused where none of them allows it."""
    body = _op(_LOAD, argument) + checks + _op(_RETURN, _REFUSE)
    return _op(_EQUAL, number, otherwise=len(body) // 8) + body


def _is_one_of(*values: int) -> bytes:
    return b"".join(_op(_EQUAL, value, otherwise=1) + _op(_RETURN, _ALLOW) for value in values)


def _op(code: int, value: int, then: int = 0, otherwise: int = 0) -> bytes:
    """One instruction; a jump skips `then` instructions where the test holds, and `otherwise` where it does not."""
    return struct.pack("=HBBI", code, then, otherwise, value)


def _numbers(table: str, column: int) -> dict[str, int]:
    words = table.split()
    rows = zip(words[::3], words[1::3], words[2::3], strict=True)
    return {name: int(numbers[column]) for name, *numbers in rows if numbers[column] != "-"}
