// The settings about an application's own tokens.

extension Setting {
    static let auth = SettingsSection(
        name: "auth",
        help: "An application's own tokens, in the tables of Laravel Sanctum, beside the gateway's.",
        settings: [
            Setting(
                "auth.sanctum", \.auth.sanctum,
                "Whether they count. The tables are only read, on a connection of their own; a token ends "
                    + "when the application deletes or expires it. `*` never means operating the gateway."),
            Setting(
                "auth.sanctum_database", \.auth.sanctumDatabase,
                "The SQLite file they are in. Empty: database.path."),
            Setting(
                "auth.sanctum_tokens", \.auth.sanctumTokens, "The table of tokens.",
                bounds: "not empty", check: { !$0.isEmpty }),
            Setting(
                "auth.sanctum_users", \.auth.sanctumUsers,
                "The table of the people they belong to, by its column id. Those with a deleted_at are "
                    + "nobody.", bounds: "not empty", check: { !$0.isEmpty }),
            Setting(
                "auth.sanctum_business", \.auth.sanctumBusiness,
                "The column of that table which says a person's business.",
                bounds: "not empty", check: { !$0.isEmpty }),
            Setting(
                "auth.sanctum_one_business", \.auth.sanctumOneBusiness,
                "Where there is only one business: its id. Empty: the column says it."),
            Setting(
                "auth.sanctum_tokenable", \.auth.sanctumTokenable,
                "What tokenable_type says of those people. Tokens of others do not count.",
                bounds: "not empty", check: { !$0.isEmpty }),
            Setting(
                "auth.sanctum_expiration", \.auth.sanctumExpiration, .seconds(60)...days(3_650),
                zero: "expires_at alone says it",
                "Sanctum's own setting of that name: tokens end this long after they were made."),
            Setting(
                "auth.sanctum_touch", \.auth.sanctumTouch,
                "Whether last_used_at is written to the application's table, at most once a minute. "
                    + "Otherwise it is kept in the gateway's file."),
        ])
}
