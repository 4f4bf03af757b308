// The two files a command may need, opened as the configuration says.

import ArgumentParser
import Domain
import Foundation
import Lanes
import Registry
import SQLiteEngine
import Settings

/// What commands work on.
struct Stores {
    let settings: Settings.Configuration
    let catalogue: EntityCatalogue
    let file: DatabaseFile

    init(_ source: ConfigurationOptions) throws {
        settings = try source.load().configuration
        catalogue = try Catalogue.load(settings)
        file = DatabaseFile(
            path: settings.database.path, synchronousFull: settings.database.durability.isFullForUs)
    }

    var shop: ShopDatabase { ShopDatabase(file: file, catalogue: catalogue) }

    func registry() throws -> Registry {
        try makeDirectory(of: settings.database.gatewayPath)
        return try Registry(path: settings.database.gatewayPath, clock: .system, checkpoints: false)
    }

    /// The business that an option names. An application's businesses are its own affair: which table holds
    /// them, only it knows.
    ///
    /// - Throws: `UnknownBusiness`, with the embedded shop.
    func business(_ text: String) throws -> BusinessID {
        let id = BusinessID(Key(parsing: text))
        if settings.database.mode == .embedded { try shop.requireBusiness(id) }
        return id
    }

    func makeDirectory(of path: String) throws {
        let directory = URL(fileURLWithPath: path).deletingLastPathComponent()
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    }

    /// Runs a command's work; what the world throws becomes one line and exit code 1.
    static func complaining<Value>(_ work: () throws -> Value) throws -> Value {
        do {
            return try work()
        } catch let code as ExitCode {
            throw code
        } catch {
            Output.complain("tidings: \(error)")
            throw ExitCode.failed
        }
    }
}

extension Timestamp {
    /// So many seconds from now, by the system's clock.
    static func now(plusSeconds seconds: Int64) -> Timestamp {
        Timestamp(microseconds: WallClock.system.now.microseconds + seconds * 1_000_000)
    }
}
