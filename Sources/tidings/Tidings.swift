// The command line: one file per command, each of which reads its arguments, calls the library, prints, and
// ends with an exit code of the table below. Nothing is decided here.

import ArgumentParser
import Gateway

/// `tidings`.
@main
struct Tidings: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tidings",
        abstract: "Tells every till what changed, the moment it changes.",
        discussion: """
            A daemon beside a point-of-sale backend's database: commits become live server-sent events, \
            incremental answers for clients that poll, and the full download that starts both.

            EXIT CODES:
              0   done
              1   failed; standard error says why
              3   done, and a difference was found (config check, audit)
              1, 2  of `hooks status`: drift, cannot tell; of `doctor`: a warning, something is broken
              64  the command line is wrong
              78  the configuration is wrong
            """,
        version: "tidings \(TidingsVersion.text)",
        subcommands: [
            ServeCommand.self, InitCommand.self, BusinessCommand.self, UserCommand.self, DeviceCommand.self,
            TokenCommand.self, HooksCommand.self, AuditCommand.self, CatalogueCommand.self, DemoCommand.self,
            TailCommand.self, LogsCommand.self, ConfigCommand.self, BackupCommand.self, RestoreCommand.self,
            DoctorCommand.self,
        ])
}

/// How a command ends, beside 0. 64 and 78 are EX_USAGE and EX_CONFIG of sysexits.h; ArgumentParser itself
/// uses 64.
extension ExitCode {
    static let failed = ExitCode(1)
    static let differs = ExitCode(3)
    /// `hooks status` only, as monitoring plug-ins count: 1 a warning, 2 critical.
    static let drift = ExitCode(1)
    static let cannotTell = ExitCode(2)
    /// `doctor` only, likewise.
    static let warned = ExitCode(1)
    static let broken = ExitCode(2)
    static let usage = ExitCode(64)
    static let badConfiguration = ExitCode(78)
}
