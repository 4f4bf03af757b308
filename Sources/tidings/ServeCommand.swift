// `tidings serve`: the daemon. SIGTERM and SIGINT drain; a second one ends at once.

import ArgumentParser
import Domain
import Foundation
import Gateway
import Lanes
import Logging
import Settings

struct ServeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve", abstract: "Run the gateway.",
        discussion: """
            Prints one line on standard output once clients are served: `tidings ready` with the addresses. \
            SIGHUP reads the configuration again. SIGTERM drains: listening stops, every stream is told when to come back, then the process ends with 0.
            """)

    @OptionGroup var source: ConfigurationOptions

    func run() throws {
        let loaded = try source.load()
        let settings = loaded.configuration
        let catalogue = try Catalogue.load(settings)
        let threshold = LogThreshold(Self.level(settings))
        let log = Logger(label: "tidings") { _ in LineLog(format: settings.logs.format, level: threshold) }
        let gateway: Gateway
        do {
            gateway = try Gateway.start(loaded, catalogue: catalogue, log: log)
        } catch {
            Output.complain("tidings: \(error)")
            throw ExitCode.failed
        }
        let source = source
        gateway.runUntilSignalled { () throws(ConfigurationError) in
            let settings = try source.read().configuration
            threshold.level = Self.level(settings)
            return settings
        } ready: {
            print(
                "tidings ready http://\(settings.server.listen.host):\(gateway.addresses.port)"
                    + " admin http://\(settings.server.adminListen.host):\(gateway.addresses.adminPort)")
            fflush(nil)
        } _: {
            Foundation.exit(0)
        }
    }

    private static func level(_ settings: Settings.Configuration) -> Logger.Level {
        Logger.Level(rawValue: settings.logs.level.rawValue) ?? .info
    }
}

/// The catalogue that the configuration names, or the embedded shop's own.
enum Catalogue {
    static func load(_ settings: Settings.Configuration) throws -> EntityCatalogue {
        do {
            guard !settings.database.catalogue.isEmpty else { return try CatalogueFile.embedded() }
            let text = try String(contentsOfFile: settings.database.catalogue, encoding: .utf8)
            return try CatalogueFile.parse(text, file: settings.database.catalogue)
        } catch {
            Output.complain("tidings: \(error)")
            throw ExitCode.badConfiguration
        }
    }
}
