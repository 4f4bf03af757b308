// `tidings business`: the tenants of the embedded shop database.

import ArgumentParser
import Domain
import SQLiteEngine
import Settings

struct BusinessCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "business", abstract: "Add and list businesses.", subcommands: [Create.self, List.self])

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
}
