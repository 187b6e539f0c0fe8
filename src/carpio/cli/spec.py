"""All commands and their arguments: the one source of parser, --help, man page and reference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["Argument", "COMMANDS", "Command", "DEBUG", "HELP", "PROGRAM", "SUMMARY", "VERSION"]

PROGRAM: Final = "carpio"
SUMMARY: Final = "highly available IP addresses with CARP, the protocol of the BSDs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Argument:
    """One argument. `name` begins with dashes for an option.

    An option without `metavar` is a switch. `metavar` is what the value is called. A
    repeatable option may be given several times; a repeatable argument takes the rest, one that is
    `several` takes all words up to the next option.
    """

    name: str
    doc: str
    metavar: str = ""
    required: bool = False
    """Of an option: it must be there."""
    optional: bool = False
    """Of an argument without a name: it may be left out."""
    is_number: bool = False
    repeatable: bool = False
    several: bool = False
    choices: tuple[str, ...] = ()

    @property
    def is_option(self) -> bool:
        """Return whether the argument is given by name."""
        return self.name.startswith("-")

    @property
    def shown(self) -> str:
        """The argument as in a synopsis, without brackets."""
        value = "|".join(self.choices) if self.choices else self.metavar
        return f"{self.name} {value}".strip() if self.is_option else value


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One command. `module` in carpio.cli.commands has `run(arguments, environment)`.

    Commands of the BSDs have none: they never come here but for their help (cli.bsd).
    """

    name: str
    module: str = ""
    summary: str
    synopsis: str
    """What follows the name."""
    description: tuple[str, ...] = ()
    """Paragraphs; the summary is not repeated."""
    arguments: tuple[Argument, ...] = ()
    examples: tuple[tuple[str, str], ...] = ()
    """Command line and what it is good for."""


HELP: Final = Argument(name="--help", doc="Print help and leave.")
VERSION: Final = Argument(name="--version", doc="Print the version and leave.")
DEBUG: Final = Argument(name="--debug", doc="Show the Python traceback of a failure.")

_CONTROL: Final = Argument(
    name="--control",
    metavar="SOCKET",
    doc="Socket of the daemon; default $CARPIO_CONTROL, else /run/carpio/control.sock.",
)
_BSD_ARGUMENTS: Final = (
    _CONTROL,
    Argument(
        name="--start",
        doc="Start the daemon unless it runs, with /etc/carpio/carpio.toml. This option and "
        "--control come before all others.",
    ),
    Argument(name="words", metavar="WORD", repeatable=True, doc="As on FreeBSD."),
)
_JSON: Final = Argument(name="--json", doc="Print JSON instead of text for people.")

COMMANDS: Final = (
    Command(
        name="daemon",
        module="daemon",
        summary="Hold the addresses of a configuration file.",
        synopsis="--config FILE [--control SOCKET] [--netns NAME]...",
        description=(
            "Runs in the foreground and logs to standard error, or to the journal when "
            "systemd runs it. SIGTERM leaves in good order: silence, a last advertisement, "
            "everything removed. SIGHUP does what carpio reload does. carpiod is the same "
            "command.",
            "What ifconfig, sysctl, attach and demote changed is recorded in /run/carpio, and is "
            "there again when the daemon is started before the next reboot. Of groups and "
            "settings for which the files say something new by then, the files count, and the "
            "log tells it. carpio reload --discard forgets it.",
        ),
        arguments=(
            Argument(
                name="--config",
                metavar="FILE",
                required=True,
                doc="Configuration; see carpio.toml(5).",
            ),
            Argument(
                name="--control",
                metavar="SOCKET",
                doc="Socket to make for the other commands; default $CARPIO_CONTROL, else "
                "/run/carpio/control.sock.",
            ),
            Argument(
                name="--netns",
                metavar="NAME",
                repeatable=True,
                doc="Network namespace to serve, as ip-netns(8) lists it; may be given "
                "several times. Default: the one that the daemon runs in.",
            ),
        ),
        examples=(("carpio daemon --config /etc/carpio/carpio.toml", "what the unit file runs"),),
    ),
    Command(
        name="check",
        module="check",
        summary="Say what is wrong with a configuration file.",
        synopsis="[--host] FILE",
        description=(
            "Reads FILE and all that it includes exactly as the daemon does and reports all "
            "problems together, each with file, line, key and remedy. Needs neither root nor "
            "the interfaces, and changes nothing. A passphrase file that the caller may not "
            "read is a warning.",
            "The hosts of a group are taken to have the same advbase and the same addresses.",
        ),
        arguments=(
            Argument(
                name="--host",
                doc="Also look at this host: interfaces, addresses, firewall rules, kernel, "
                "settings and other daemons in the way.",
            ),
            Argument(name="file", metavar="FILE", doc="Configuration; see carpio.toml(5)."),
        ),
        examples=(("carpio check --host /etc/carpio/carpio.toml", "before the first start"),),
    ),
    Command(
        name="status",
        module="status",
        summary="Show the state of all groups: who is MASTER, since when and why.",
        synopsis="[--json] [--control SOCKET]",
        arguments=(_JSON, _CONTROL),
    ),
    Command(
        name="demote",
        module="demote",
        summary="Make this host less, or again more, eligible to be MASTER.",
        synopsis="[--control SOCKET] CAUSE +N|-N | --clear CAUSE",
        description=(
            "Adds N to the share of the demotion number that is called CAUSE. The number "
            "is added to the advskew that is advertised, at most 240. It moves the mastership "
            "when the other host has preempt.",
        ),
        arguments=(
            Argument(name="cause", metavar="CAUSE", optional=True, doc="Name of the share, yours."),
            Argument(
                name="change", metavar="+N|-N", optional=True, doc="What is added to the share."
            ),
            Argument(name="--clear", metavar="CAUSE", doc="Take back all of that share."),
            _CONTROL,
        ),
        examples=(
            ("carpio demote maintenance +200", "hand over to the other host"),
            ("carpio demote --clear maintenance", "take part as before"),
        ),
    ),
    Command(
        name="state",
        module="state",
        summary="Put one group into a state, as ifconfig(8) does on the BSDs.",
        synopsis="[--control SOCKET] VHID@IF master|backup",
        description=(
            "The election goes on: a better host that preempts takes the state back with its "
            "next advertisement. To hand over for longer use carpio demote.",
        ),
        arguments=(
            Argument(name="group", metavar="VHID@IF", doc="Name of the group in carpio status."),
            Argument(name="state", choices=("master", "backup"), doc="The wanted state."),
            _CONTROL,
        ),
        examples=(("carpio state 1@eth0 backup", "let another host take over once"),),
    ),
    Command(
        name="attach",
        module="attach",
        summary="Let the addresses of a group live in a container.",
        synopsis="[--control SOCKET] VHID@IF --netns NAME | --pid PID",
        description=(
            "The macvlan with the addresses moves into the network namespace of the container. "
            "The interface, the advertisements, the election and the guard stay outside, where "
            "the container cannot touch them. When the container goes, its addresses are "
            "withdrawn and another host takes over.",
            "A group that is MASTER gives up for the move, and takes part again at once.",
            "It lasts until carpio detach or a reboot; what --pid says, until the process ends. "
            "What --netns says can be kept for longer with carpio save, or written as `attach` in "
            "the configuration.",
        ),
        arguments=(
            Argument(name="group", metavar="VHID@IF", doc="Name of the group in carpio status."),
            Argument(
                name="--netns",
                metavar="NAME",
                doc="Network namespace of the container, as ip-netns(8) lists it.",
            ),
            Argument(
                name="--pid",
                metavar="PID",
                is_number=True,
                doc="A process of the container, as the daemon's host sees it: the container "
                "lives as long as this process.",
            ),
            _CONTROL,
        ),
        examples=(
            ("carpio attach 1@eth0 --netns jail-www", "the addresses of a jail with vnet"),
            (
                "carpio attach 1@eth0 --pid $(podman inspect -f '{{.State.Pid}}' web)",
                "those of a container of podman",
            ),
        ),
    ),
    Command(
        name="detach",
        module="detach",
        summary="Let the addresses of a group live beside its interface again.",
        synopsis="[--control SOCKET] VHID@IF",
        arguments=(
            Argument(name="group", metavar="VHID@IF", doc="Name of the group in carpio status."),
            _CONTROL,
        ),
    ),
    Command(
        name="log-level",
        module="log_level",
        summary="Change how much the daemon logs until it is restarted or reloaded.",
        synopsis="[--control SOCKET] N",
        arguments=(
            Argument(
                name="level",
                metavar="N",
                is_number=True,
                doc="0 nothing, 1 changes of state and demotion, 2 and more bad packets too.",
            ),
            _CONTROL,
        ),
    ),
    Command(
        name="trace",
        module="trace",
        summary="Let the daemon write down all that its engine is told, to be replayed.",
        synopsis="[--size MIB] [--control SOCKET] on FILE | off",
        description=(
            "Of the network namespace that the command runs in. FILE is made by the daemon, for "
            "the caller alone, and must not be there; under the systemd unit it can write to "
            "/var/log/carpio and /run/carpio alone. When it is full it becomes FILE.1, and a "
            "new FILE begins; each can be replayed with carpio sim --replay. Passphrases and keys "
            "are not in it. The trace ends with off, or with the daemon.",
        ),
        arguments=(
            Argument(name="switch", choices=("on", "off"), doc="Begin or end."),
            Argument(name="file", metavar="FILE", optional=True, doc="Where to write it."),
            Argument(
                name="--size",
                metavar="MIB",
                is_number=True,
                doc="Size of a file at most, 1 to 1024; default 16. There are two at most.",
            ),
            _CONTROL,
        ),
        examples=(
            ("carpio trace on /var/log/carpio/a.trace", "begin before a failover"),
            ("carpio trace off", "end it"),
        ),
    ),
    Command(
        name="reload",
        module="reload",
        summary="Let the daemon read its configuration again.",
        synopsis="[--discard] [--control SOCKET]",
        description=(
            "A file with problems changes nothing: they are printed and the daemon goes on "
            "with what it has. The same when that would lose what ifconfig and sysctl changed.",
        ),
        arguments=(
            Argument(
                name="--discard",
                doc="Drop what ifconfig and sysctl changed since the files were read.",
            ),
            _CONTROL,
        ),
    ),
    Command(
        name="save",
        module="save",
        summary="Write what ifconfig and sysctl changed into the configuration files.",
        synopsis="[--yes] [--control SOCKET]",
        description=(
            "Prints the difference, without passphrases, and asks before it writes. Comments and "
            "layout stay. Groups are changed and removed where they are; new ones come to the end "
            "of the main file. A changed passphrase is written into the file of its group, which "
            "others may not read from then on. All files are written, or none.",
            "Refused when somebody has edited a file since the daemon read it. A group in a "
            "network namespace without a name cannot be saved: it is named and left out.",
        ),
        arguments=(
            Argument(name="--yes", doc="Write without asking. Needed where there is no terminal."),
            _CONTROL,
        ),
        examples=(
            ("carpio save", "keep what was tried"),
            ("carpio reload --discard", "forget it"),
        ),
    ),
    Command(
        name="ifconfig",
        summary="Show and change interfaces, groups and addresses, as FreeBSD's ifconfig(8).",
        synopsis="[--control SOCKET] [--start] [WORD]...",
        description=(
            "What it changes is kept until the reboot, or by carpio save for longer. Exit status 1 "
            "when it fails. See the page From FreeBSD for what is different.",
        ),
        arguments=_BSD_ARGUMENTS,
        examples=(
            (
                "carpio ifconfig eth0 vhid 1 advskew 100 pass testpass 10.10.10.11/24 alias",
                "add an address together with its group",
            ),
            ("carpio ifconfig eth0 vhid 1 state backup", "let another host take over once"),
        ),
    ),
    Command(
        name="sysctl",
        summary="Show and change settings of CARP by their names on FreeBSD, as its sysctl(8).",
        synopsis="[--control SOCKET] [--start] [-abdehiNnoqTtWx] [-j NETNS] [-f FILE] "
        "[NAME[=VALUE]]...",
        description=(
            "Knows net.inet.carp.*, of the caller's network namespace, and a few others: "
            "net.inet.ip.forwarding, net.inet6.ip6.forwarding, net.pfsync.carp_demotion_factor, "
            "kern.hostname, kern.features.vimage, security.jail.jailed. All settings of CARP in "
            "one call are changed, or none. Exit status 1 when something failed.",
        ),
        arguments=_BSD_ARGUMENTS,
        examples=(
            ("carpio sysctl net.inet.carp", "show all settings of CARP"),
            ("carpio sysctl net.inet.carp.preempt=1", "take over from slower hosts"),
            ("carpio sysctl net.inet.carp.demotion=240", "hand over, adding to the demotion"),
        ),
    ),
    Command(
        name="netstat",
        summary="Show the counters of CARP, as FreeBSD's netstat(1).",
        synopsis="[--control SOCKET] [--start] [--libxo FORMAT] [-j NETNS] -s [-sz] [-p carp]",
        description=(
            "-ss leaves out what is zero, -z resets the counters after they were shown. FORMAT is "
            "json, xml or text, also with pretty: json,pretty. Exit status 1 when it fails.",
        ),
        arguments=_BSD_ARGUMENTS,
        examples=(("carpio netstat -s -p carp --libxo json,pretty", "for programs"),),
    ),
    Command(
        name="jail",
        summary="Make, change and remove jails, as FreeBSD's jail(8).",
        synopsis="[-cmr] [-Cdhilqv] [-f FILE] [-J FILE] [-p N] [-u USER | -U USER] "
        "[JAIL | NAME=VALUE...] | -r [-Cqv] [-f FILE] [-p N] JAIL... | -R [-qv] JAIL... | "
        "[-qv] [-f FILE] -e SEPARATOR",
        description=(
            "-c makes the jails of a jail.conf(5), or one of them with what it depends on, or the "
            "one that NAME=VALUE describes; -m changes, -r removes with the commands of the file, "
            "-rc restarts, -R removes at once. FILE is /etc/jail.conf unless it is named; - is "
            "standard input. No more than N commands run at once. See the page jail.",
            "With -e it prints one line for each jail that is not a wildcard: its parameters as "
            "the whole file gives them, joined by SEPARATOR, and does nothing. See the page "
            "jail.conf.",
            "Passphrases are printed as ***. Exit status 1 when anything failed.",
        ),
        arguments=(Argument(name="words", metavar="WORD", repeatable=True, doc="As on FreeBSD."),),
        examples=(
            ("carpio jail -c www", "make a jail of /etc/jail.conf"),
            ("carpio jail -r www", "remove it"),
            ("carpio jail -f jail.conf -e ' '", "see what a file means"),
        ),
    ),
    Command(
        name="jexec",
        summary="Run a command in a jail that runs, as FreeBSD's jexec(8).",
        synopsis="[-l] [-d DIRECTORY] [-e NAME=VALUE]... [-u USER | -U USER] JAIL [COMMAND...]",
        description=(
            "JAIL is a name or a number. Without COMMAND it is a shell. -l gives it an environment "
            "of its own and the home of the user, -e a variable, -d a directory. The user of -u is "
            "looked up on this host, that of -U in the jail.",
            "Exit status is that of the command, 128 more than the signal that ended it, or 1 when "
            "it cannot be run. See the page jexec.",
        ),
        arguments=(Argument(name="words", metavar="WORD", repeatable=True, doc="As on FreeBSD."),),
        examples=(
            ("carpio jexec www ps", "see what runs in a jail"),
            ("carpio jexec -l -U joe www", "a shell as a user of the jail"),
        ),
    ),
    Command(
        name="jls",
        summary="List the jails that run, as FreeBSD's jls(8).",
        synopsis="[-acdhNnqsv] [-j JAIL] [--libxo FORMAT] [PARAMETER]...",
        description=(
            "One line for each jail, by number: its number, first IPv4 address, host name and "
            "path. With parameters, their values instead; -h, -n and -s without any are about all. "
            "-s prints what jail -c takes to make the same jail again. FORMAT is json, xml or "
            "text, also with pretty: json,pretty. See the page jls.",
            "Exit status 1 when it fails, or -j names a jail that does not run; -c prints nothing "
            "and tells just that.",
        ),
        arguments=(Argument(name="words", metavar="WORD", repeatable=True, doc="As on FreeBSD."),),
        examples=(
            ("carpio jls -j www jid", "the number of a jail"),
            ("carpio jls --libxo json,pretty -n", "all about all, for programs"),
        ),
    ),
    Command(
        name="bsd-path",
        module="bsd_path",
        summary="Print a directory with the names of FreeBSD's commands, for PATH.",
        synopsis="",
        description=(
            "They are links to carpio, which is the command by whose name it is called. The "
            "directory is libexec/carpio beside the bin directory that carpio is in, and is made "
            "if it is missing. Commands of the system stay as they are.",
        ),
        examples=(('PATH="$(carpio bsd-path):$PATH"', "let a script of FreeBSD find them"),),
    ),
    Command(
        name="import",
        module="import_file",
        summary="Turn configuration of FreeBSD into a part of carpio.toml.",
        synopsis="rc.conf|ifconfig|sysctl.conf FILE",
        description=(
            "Prints TOML; what has no place in it is told on standard error. Join the parts "
            "with that of sysctl.conf first, and judge the whole with carpio check.",
        ),
        arguments=(
            Argument(
                name="kind",
                choices=("rc.conf", "ifconfig", "sysctl.conf"),
                doc="What FILE is: rc.conf(5), a shell script of ifconfig lines, sysctl.conf(5).",
            ),
            Argument(name="file", metavar="FILE", doc="The file; - is standard input."),
        ),
        examples=(("carpio import sysctl.conf /etc/sysctl.conf", "see what it says here"),),
    ),
    Command(
        name="decode",
        module="decode",
        summary="Judge every CARP packet of a capture file.",
        synopsis="[--config FILE] [--json] CAPTURE",
        description=(
            "Reads pcap and pcapng. Each packet of protocol 112 gets a verdict: ok, badttl, "
            "badlen, badsum, badver, badvhid, badauth, or unverified when no --config says "
            "what the digest should be. Frames count from 1 over all frames of the file.",
        ),
        arguments=(
            Argument(
                name="--config",
                metavar="FILE",
                doc="Configuration with the passphrases and addresses to verify digests by.",
            ),
            Argument(name="--json", doc="Print one JSON object a line."),
            Argument(name="capture", metavar="CAPTURE", doc="A pcap or pcapng file."),
        ),
        examples=(
            ("tcpdump -i eth0 -w carp.pcap proto 112", "make a capture"),
            ("carpio decode --config /etc/carpio/carpio.toml carp.pcap", "judge it"),
        ),
    ),
    Command(
        name="lab",
        module="lab",
        summary="Play through failures on this machine, in network namespaces.",
        synopsis="run SCENARIO [ARGUMENT]... | compare SCENARIO... [ARGUMENT]... | report PLACE... "
        "| list | up TOPOLOGY | shell HOST [COMMAND...] | down | demo",
        description=(
            "Real daemons, this kernel, switches and clients in namespaces; what a capture at the "
            "port of every host says is the verdict. run plays a scenario and writes result.json, "
            "report.html and report.md, compare plays scenarios with several implementations and "
            "puts them side by side, report makes the pages of results again, list tells the "
            "scenarios and topologies, up builds a topology and stays, shell opens a shell on one "
            "of its hosts, down ends it. demo proves that the judge can fail, then plays the "
            "scenario demo, a story of eight events. carpio lab run --help tells the arguments of "
            "run, and so on.",
            "Works as root, and for others where the kernel allows user namespaces. Nothing of the "
            "host is touched, labs run side by side, and whatever ends one leaves nothing behind.",
        ),
        arguments=(
            Argument(
                name="action",
                choices=("run", "compare", "report", "list", "up", "shell", "down", "demo"),
                doc="What to do.",
            ),
            Argument(name="rest", metavar="ARGUMENT", doc="For the action.", repeatable=True),
        ),
        examples=(
            ("carpio lab run crash", "the MASTER loses power; judged after about 15 seconds"),
            ("carpio lab run bug-191832 --variant address-first", "see the failure itself"),
            ("carpio lab run crash --impl keepalived", "the same with another implementation"),
            ("carpio lab compare --impl carpio,keepalived,ucarp crash graceful", "side by side"),
        ),
    ),
    Command(
        name="sim",
        module="sim",
        summary="Simulate hosts with these configurations, in virtual time, with faults.",
        synopsis="FILE FILE... [--scenario SCENARIO] [--seed N | --seeds N [--keep DIRECTORY] "
        "[--jobs N | --dask ADDRESS]] [--for DURATION] "
        "[--datapath real|naive] [--trace FILE] "
        "[--svg FILE] [--html FILE] [--json] | --lint FILE FILE... | --exhaustive [FILE FILE "
        "[FILE]] [--faults N] [--deadlines N] [--jobs N] [--json] | --replay TRACE "
        "[--config FILE] [--json] | --list",
        description=(
            "Each FILE is the configuration of one host, named after the file. The daemon's own "
            "engine runs over a virtual clock, network and kernel; a client on each segment talks "
            "to the addresses. Prints who was MASTER when and why, gaps, times with two masters, "
            "and all that must not be. The same seed gives the same run on any machine. Needs "
            "neither root nor the interfaces, and touches no network.",
            "Exit status 1 when something was found, 130 when ^C ended it; a search tells and "
            "keeps what it found until then.",
        ),
        arguments=(
            Argument(
                name="--seed",
                metavar="N",
                is_number=True,
                doc="Number that all chance comes from. Without --scenario also the faults: a "
                "seed is a random schedule of them. Default: 0, and no faults.",
            ),
            Argument(
                name="--scenario",
                metavar="SCENARIO",
                doc="Faults of a file, or of a scenario that comes with carpio, by its name.",
            ),
            Argument(
                name="--lint",
                doc="Simulate nothing; tell what the files say about the election: ties, hosts "
                "that can never be MASTER, settings that differ and must not, demotion that moves "
                "nothing. Exit status 1 when there is something to tell.",
            ),
            Argument(name="--list", doc="List the scenarios that come with carpio, and leave."),
            Argument(
                name="--exhaustive",
                doc="Explore each order of deliveries, losses, deadlines and faults of the first "
                "group that two or three hosts share, within a horizon; without files: of hosts "
                "of its own. Takes minutes. Exit status 1 when something is broken.",
            ),
            Argument(
                name="--faults",
                metavar="N",
                is_number=True,
                doc="With --exhaustive: faults that begin, at most; default 2, 31 or less.",
            ),
            Argument(
                name="--deadlines",
                metavar="N",
                is_number=True,
                doc="With --exhaustive: deadlines of each host, at most; default 6, 31 or less.",
            ),
            Argument(
                name="--replay",
                metavar="TRACE",
                doc="Feed what carpio trace wrote to the engine, and compare the changes of state.",
            ),
            Argument(
                name="--config",
                metavar="FILE",
                doc="With --replay: configuration with the passphrases to verify adverts by. "
                "Without it the verdicts of the trace count.",
            ),
            Argument(
                name="--seeds",
                metavar="N",
                is_number=True,
                doc="Explore N seeds, from --seed on, on all cores; shrink the schedules of those "
                "that break something, and print a command that replays each.",
            ),
            Argument(
                name="--jobs",
                metavar="N",
                is_number=True,
                doc="Processes of --seeds and --exhaustive; default: as many as there are cores.",
            ),
            Argument(
                name="--dask",
                metavar="ADDRESS",
                doc="Let --seeds run on a Dask cluster, by the address of its scheduler, such as "
                "tcp://10.0.0.1:8786. Needs carpio[dask] here and on the workers.",
            ),
            Argument(
                name="--keep",
                metavar="DIRECTORY",
                doc="Where --seeds writes shrunk schedules; default sim-failures.",
            ),
            Argument(
                name="--for",
                metavar="DURATION",
                doc="Virtual time, such as 10min or 90s. Default: as the scenario says, or 1min.",
            ),
            Argument(
                name="--datapath",
                metavar="real|naive",
                choices=("real", "naive"),
                doc="How hosts hold addresses: as carpio does, or as FreeBSD bug 191832 tells, on "
                "the NIC first. Default: as the scenario says, or as carpio does.",
            ),
            Argument(
                name="--trace",
                metavar="FILE",
                doc="Write every step and frame to FILE.",
            ),
            Argument(name="--svg", metavar="FILE", doc="Draw the timeline into FILE."),
            Argument(
                name="--html", metavar="FILE", doc="Write a page with the timeline and the text."
            ),
            _JSON,
            Argument(
                name="files",
                metavar="FILE",
                several=True,
                doc="Configuration of one host; see carpio.toml(5).",
            ),
        ),
        examples=(
            ("carpio sim a.toml b.toml --for 10min", "see what a pair does when nothing fails"),
            ("carpio sim a.toml b.toml --datapath naive", "see bug 191832 happen"),
            ("carpio sim a.toml b.toml --seeds 1000 --for 10min", "look for what can break"),
            ("carpio sim --exhaustive", "look at all that two or three hosts can come to"),
            ("carpio sim --replay /var/log/carpio/a.trace", "see what a daemon saw, again"),
        ),
    ),
    Command(
        name="version",
        module="version",
        summary="Print the version.",
        synopsis="",
    ),
)
