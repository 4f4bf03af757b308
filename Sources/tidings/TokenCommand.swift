// `tidings token`: credentials. A secret is printed when it is made and never again.

import ArgumentParser
import Domain
import Foundation
import Lanes
import Registry

struct TokenCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "token", abstract: "Make, list and revoke tokens.",
        subcommands: [Create.self, List.self, Revoke.self])

    struct Create: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a token; with --device for a till, which it registers.")

        @Option(name: .long, help: "The id of the business it belongs to.")
        var business: String
        @Option(name: .long, help: "The till it is for.")
        var device: String?
        @Option(name: .long, help: "What it is called in lists.")
        var name = "made by hand"
        @Option(
            name: .long,
            help: "What it allows: sync:read, sync:read:ENTITY, sync:write, ops or *. Can be repeated.")
        var ability: [String] = []
        @Option(
            name: .long,
            help: "Days until it expires, 36500 at most; without it, never. A till that renews it gains none."
        )
        var days: Int?
        @OptionGroup var source: ConfigurationOptions
        @OptionGroup var output: OutputOptions

        private struct Shown: Encodable {
            let token: String
        }

        func validate() throws {
            guard (1...36_500).contains(days ?? 1) else { throw ValidationError("--days is 1 to 36500") }
        }

        func run() throws {
            let stores = try Stores(source)
            let token = try Stores.complaining {
                let business = try stores.business(business)
                let registry = try stores.registry()
                let abilities = ability.isEmpty ? Abilities.till : Abilities(ability)
                guard let device else {
                    return try registry.createToken(
                        name: name, business: business, user: nil, abilities: abilities, expiresAt: expiry)
                }
                guard let id = DeviceID(device) else { throw ValidationError("--device is visible ASCII") }
                let till = DeviceDescription(device: id, name: name)
                return try registry.register(
                    till, business: business, abilities: abilities, expiresAt: expiry
                ).token
            }
            try output.print(Shown(token: token.revealed)) { [token.revealed] }
        }

        private var expiry: Timestamp? {
            days.map { Timestamp.now(plusSeconds: Int64($0) * 86_400) }
        }
    }

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List tokens, newest first; never their secrets.")

        @OptionGroup var source: ConfigurationOptions
        @OptionGroup var output: OutputOptions

        private struct Shown: Encodable {
            let id: Int64
            let business: String
            let device: String?
            let name: String
            let abilities: [String]
            let revoked: Bool
            let expiresAt: String?
            /// What it is good for, in a word.
            let state: String

            init(_ token: TokenRecord, now: Timestamp) {
                id = token.id.rawValue
                business = token.business.description
                device = token.device
                name = token.name
                abilities = token.abilities.names
                revoked = token.isRevoked
                expiresAt = token.expiresAt?.description
                let isExpired = token.expiresAt.map { $0 <= now } ?? false
                state = revoked ? "revoked" : isExpired ? "expired" : "good"
            }
        }

        func run() throws {
            let stores = try Stores(source)
            let now = WallClock.system.now
            let all = try Stores.complaining { try stores.registry().tokens() }.map { Shown($0, now: now) }
            try output.print(all) {
                Output.table(
                    ["id", "business", "device", "name", "abilities", "state", "expires"],
                    all.map {
                        [
                            String($0.id), $0.business, $0.device ?? "-", $0.name,
                            $0.abilities.joined(separator: ","), $0.state, $0.expiresAt ?? "never",
                        ]
                    })
            }
        }
    }

    struct Revoke: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "End a token; its streams are cut within a second.")

        @Argument(help: "The number before the | of the token.")
        var id: Int64
        @OptionGroup var source: ConfigurationOptions
        @OptionGroup var output: OutputOptions

        private struct Shown: Encodable {
            let revoked: Int64
        }

        func run() throws {
            let stores = try Stores(source)
            try Stores.complaining { try stores.registry().revokeToken(TokenID(id)) }
            try output.print(Shown(revoked: id)) { ["token \(id) is revoked"] }
        }
    }
}
