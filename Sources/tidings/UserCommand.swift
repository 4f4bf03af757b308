// `tidings user`: people, who register tills with a token of their own.

import ArgumentParser
import Domain
import Registry

struct UserCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "user", abstract: "Add people.", subcommands: [Create.self])

    struct Create: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Add a person and print a token with which they register tills. It is shown once.")

        @Argument(help: "Their name.")
        var name: String
        @Option(name: .long, help: "The id of their business.")
        var business: String
        @OptionGroup var source: ConfigurationOptions
        @OptionGroup var output: OutputOptions

        private struct Shown: Encodable {
            let user: Int64
            let token: String
        }

        func run() throws {
            let stores = try Stores(source)
            let shown = try Stores.complaining {
                let business = try stores.business(business)
                let registry = try stores.registry()
                let user = try registry.createUser(named: name, business: business)
                let token = try registry.createToken(
                    name: name, business: business, user: user, abilities: Abilities(["*"]),
                    expiresAt: nil)
                return Shown(user: user.rawValue, token: token.revealed)
            }
            try output.print(shown) { ["user \(shown.user)", "token \(shown.token)"] }
        }
    }
}
