// `tidings business`: the tenants of the embedded shop database.

import ArgumentParser
import Domain
import Registry
import SQLiteEngine
import Settings

struct BusinessCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "business", abstract: "Add, list and erase businesses.",
        subcommands: [Create.self, List.self, Erase.self])

    private struct Shown: Encodable {
        let id: String
        let name: String
    }

    struct Create: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Add a business to the embedded shop.")

        @Argument(help: "Its name.")
        var name: String
        @OptionGroup var source: ConfigurationOptions
        @OptionGroup var output: OutputOptions

        func run() throws {
            let stores = try Stores(source)
            let id = try Stores.complaining { try stores.shop.createBusiness(named: name) }
            try output.print(Shown(id: id.description, name: name)) { ["business \(id): \(name)"] }
        }
    }

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List the businesses of the embedded shop.")

        @OptionGroup var source: ConfigurationOptions
        @OptionGroup var output: OutputOptions

        func run() throws {
            let stores = try Stores(source)
            let all = try Stores.complaining { try stores.shop.businesses() }
                .map { Shown(id: $0.id.description, name: $0.name) }
            try output.print(all) { Output.table(["id", "name"], all.map { [$0.id, $0.name] }) }
        }
    }

    struct Erase: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Remove all that is known of a business. It cannot be undone.",
            discussion: """
                Its people, tills, tokens and sync logs go, and with the embedded shop every row of its too; an \
                application's own rows are the application's affair. Streams of its tills end with bye: revoked, \
                at which clients wipe their copies. What stays are ids of records in the journal and the state index.
                """)

        @Argument(help: "Its id.")
        var business: String
        @Flag(name: .long, help: "Do it. Without this, nothing is removed.")
        var yes = false
        @OptionGroup var source: ConfigurationOptions

        func validate() throws {
            guard yes else { throw ValidationError("say --yes to remove business \(business) for good") }
        }

        func run() throws {
            let stores = try Stores(source)
            let id = BusinessID(Key(parsing: business))
            try Stores.complaining {
                // Its tokens first: no upload begins after that, so none comes behind the erasure. What is
                // gone already is no reason to stop: an erasure that was interrupted can be repeated.
                let wasKnown = try stores.registry().eraseBusiness(id)
                switch stores.settings.database.mode {
                case .embedded:
                    let hadRows = try stores.shop.eraseBusiness(id)
                    guard wasKnown || hadRows else { throw UnknownBusiness(id: id) }
                case .attached: try UploadTraces(file: stores.file).erase(id)
                }
            }
        }
    }
}
