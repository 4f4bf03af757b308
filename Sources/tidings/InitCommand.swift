// `tidings init`: the embedded database and the gateway's own file, from nothing.

import ArgumentParser
import Domain
import SQLiteEngine
import Settings

struct InitCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "init",
        abstract: "Create the embedded shop database, its hooks and the gateway's own file.",
        discussion: "Idempotent: what is there is kept and brought up to date.")

    @OptionGroup var source: ConfigurationOptions
    @OptionGroup var output: OutputOptions

    private struct Made: Encodable {
        let database: String
        let gateway: String
    }

    func run() throws {
        let stores = try Stores(source)
        guard stores.settings.database.mode == .embedded else {
            Output.complain(
                "tidings: database.mode is attached: the application makes \(stores.file.path), and "
                    + "`tidings hooks install` hooks it")
            throw ExitCode.failed
        }
        try Stores.complaining {
            try stores.makeDirectory(of: stores.file.path)
            try stores.shop.create()
            _ = try stores.registry()
        }
        try output.print(Made(database: stores.file.path, gateway: stores.settings.database.gatewayPath)) {
            ["\(stores.file.path) and \(stores.settings.database.gatewayPath) are in place"]
        }
    }
}
