// The embedded shop: the tables a real point of sale has, and the triggers of the shop itself that move
// stock. The hooks know nothing of it and are installed beside it, as on anybody else's database.
//
// Decimals are TEXT ("12.50"): SQLite has no decimal type, and money must come back as it went in. Quantities
// have three places. Times are TEXT in UTC with microseconds, as the wire writes them.
//
// business_id may be NULL: such a row is nobody's and leaves the server to no one.

/// The SQL of the shop.
enum ShopSchema {
    static let now = "strftime('%Y-%m-%dT%H:%M:%f000Z', 'now')"

    /// Columns every synced table has.
    private static let common = """
        id INTEGER PRIMARY KEY,
          business_id INTEGER REFERENCES businesses(id),
          version INTEGER NOT NULL DEFAULT 1,
          created_at TEXT NOT NULL DEFAULT (\(now)),
          updated_at TEXT NOT NULL DEFAULT (\(now)),
          deleted_at TEXT
        """

    private static func table(_ name: String, _ columns: String, _ constraints: String = "") -> String {
        "CREATE TABLE \(name)(\n  \(common),\n\(columns)\(constraints.isEmpty ? "" : ",\n" + constraints)\n)"
    }

    static let tables: [String] = [
        "CREATE TABLE businesses(\n  id INTEGER PRIMARY KEY,\n  name TEXT NOT NULL,\n  created_at "
            + "TEXT NOT NULL DEFAULT (\(now))\n)",
        table(
            "categories",
            """
              name TEXT NOT NULL,
              parent_id INTEGER REFERENCES categories(id) ON DELETE SET NULL,
              sort_order INTEGER NOT NULL DEFAULT 0,
              color TEXT,
              status TEXT NOT NULL DEFAULT 'active'
            """),
        table(
            "brands",
            """
              name TEXT NOT NULL,
              image_url TEXT,
              status TEXT NOT NULL DEFAULT 'active'
            """),
        table(
            "units",
            """
              name TEXT NOT NULL,
              short_name TEXT NOT NULL,
              allow_decimal INTEGER NOT NULL DEFAULT 0,
              status TEXT NOT NULL DEFAULT 'active'
            """),
        table(
            "vats",
            """
              name TEXT NOT NULL,
              rate TEXT NOT NULL DEFAULT '0.00',
              is_inclusive INTEGER NOT NULL DEFAULT 0,
              status TEXT NOT NULL DEFAULT 'active'
            """),
        table(
            "payment_types",
            """
              name TEXT NOT NULL,
              kind TEXT NOT NULL DEFAULT 'cash',
              opens_drawer INTEGER NOT NULL DEFAULT 0,
              status TEXT NOT NULL DEFAULT 'active'
            """),
        table(
            "warehouses",
            """
              name TEXT NOT NULL,
              code TEXT,
              phone TEXT,
              address TEXT,
              status TEXT NOT NULL DEFAULT 'active'
            """),
        table(
            "attributes",
            """
              name TEXT NOT NULL,
              status TEXT NOT NULL DEFAULT 'active'
            """),
        table(
            "attribute_values",
            """
              attribute_id INTEGER NOT NULL REFERENCES attributes(id) ON DELETE CASCADE,
              value TEXT NOT NULL,
              sort_order INTEGER NOT NULL DEFAULT 0
            """),
        table(
            "parties",
            """
              type TEXT NOT NULL DEFAULT 'customer' CHECK(type IN ('customer', 'supplier', 'both')),
              name TEXT NOT NULL,
              phone TEXT,
              email TEXT,
              address TEXT,
              tax_number TEXT,
              credit_limit TEXT NOT NULL DEFAULT '0.00',
              opening_balance TEXT NOT NULL DEFAULT '0.00',
              balance TEXT NOT NULL DEFAULT '0.00',
              client_id TEXT,
              status TEXT NOT NULL DEFAULT 'active'
            """),
        table(
            "products",
            """
              name TEXT NOT NULL,
              sku TEXT,
              barcode TEXT,
              description TEXT,
              category_id INTEGER REFERENCES categories(id) ON DELETE SET NULL,
              brand_id INTEGER REFERENCES brands(id) ON DELETE SET NULL,
              unit_id INTEGER REFERENCES units(id) ON DELETE SET NULL,
              vat_id INTEGER REFERENCES vats(id) ON DELETE SET NULL,
              price TEXT NOT NULL DEFAULT '0.00',
              cost TEXT NOT NULL DEFAULT '0.00',
              min_price TEXT,
              track_stock INTEGER NOT NULL DEFAULT 1,
              image_url TEXT,
              status TEXT NOT NULL DEFAULT 'active'
            """, "  UNIQUE(business_id, sku)"),
        table(
            "product_variants",
            """
              product_id INTEGER NOT NULL REFERENCES products(id) ON DELETE CASCADE ON UPDATE CASCADE,
              name TEXT,
              sku TEXT,
              barcode TEXT,
              price TEXT,
              cost TEXT,
              attribute_value_ids TEXT NOT NULL DEFAULT '[]',
              status TEXT NOT NULL DEFAULT 'active'
            """, "  UNIQUE(business_id, sku)"),
        table(
            "stocks",
            """
              variant_id INTEGER NOT NULL REFERENCES product_variants(id) ON DELETE CASCADE ON UPDATE CASCADE,
              warehouse_id INTEGER NOT NULL REFERENCES warehouses(id) ON DELETE CASCADE,
              opening TEXT NOT NULL DEFAULT '0.000',
              quantity TEXT NOT NULL DEFAULT '0.000',
              alert_quantity TEXT
            """, "  UNIQUE(variant_id, warehouse_id)"),
        table(
            "sales",
            """
              invoice_number TEXT,
              party_id INTEGER REFERENCES parties(id) ON DELETE SET NULL,
              warehouse_id INTEGER NOT NULL REFERENCES warehouses(id),
              payment_type_id INTEGER REFERENCES payment_types(id) ON DELETE SET NULL,
              sold_at TEXT NOT NULL DEFAULT (\(now)),
              subtotal TEXT NOT NULL DEFAULT '0.00',
              discount TEXT NOT NULL DEFAULT '0.00',
              tax TEXT NOT NULL DEFAULT '0.00',
              total TEXT NOT NULL DEFAULT '0.00',
              paid TEXT NOT NULL DEFAULT '0.00',
              due TEXT NOT NULL DEFAULT '0.00',
              status TEXT NOT NULL DEFAULT 'completed',
              note TEXT,
              client_id TEXT
            """, "  UNIQUE(business_id, invoice_number)"),
        table(
            "sale_items",
            """
              sale_id INTEGER NOT NULL REFERENCES sales(id),
              variant_id INTEGER NOT NULL REFERENCES product_variants(id) ON UPDATE CASCADE,
              quantity TEXT NOT NULL DEFAULT '1.000',
              unit_price TEXT NOT NULL DEFAULT '0.00',
              discount TEXT NOT NULL DEFAULT '0.00',
              tax TEXT NOT NULL DEFAULT '0.00',
              total TEXT NOT NULL DEFAULT '0.00'
            """),
        table(
            "purchases",
            """
              invoice_number TEXT,
              party_id INTEGER REFERENCES parties(id) ON DELETE SET NULL,
              warehouse_id INTEGER NOT NULL REFERENCES warehouses(id),
              purchased_at TEXT NOT NULL DEFAULT (\(now)),
              subtotal TEXT NOT NULL DEFAULT '0.00',
              discount TEXT NOT NULL DEFAULT '0.00',
              tax TEXT NOT NULL DEFAULT '0.00',
              total TEXT NOT NULL DEFAULT '0.00',
              paid TEXT NOT NULL DEFAULT '0.00',
              due TEXT NOT NULL DEFAULT '0.00',
              status TEXT NOT NULL DEFAULT 'received',
              note TEXT
            """, "  UNIQUE(business_id, invoice_number)"),
        table(
            "purchase_items",
            """
              purchase_id INTEGER NOT NULL REFERENCES purchases(id),
              variant_id INTEGER NOT NULL REFERENCES product_variants(id) ON UPDATE CASCADE,
              quantity TEXT NOT NULL DEFAULT '1.000',
              unit_cost TEXT NOT NULL DEFAULT '0.00',
              tax TEXT NOT NULL DEFAULT '0.00',
              total TEXT NOT NULL DEFAULT '0.00'
            """),
        table(
            "due_collects",
            """
              party_id INTEGER NOT NULL REFERENCES parties(id),
              sale_id INTEGER REFERENCES sales(id) ON DELETE SET NULL,
              payment_type_id INTEGER REFERENCES payment_types(id) ON DELETE SET NULL,
              amount TEXT NOT NULL DEFAULT '0.00',
              collected_at TEXT NOT NULL DEFAULT (\(now)),
              note TEXT,
              client_id TEXT
            """),
    ]

    /// What foreign keys and people look up; without them a cascade scans.
    static let indexes: [String] = [
        ("categories", "parent_id"), ("attribute_values", "attribute_id"), ("products", "category_id"),
        ("products", "brand_id"), ("products", "unit_id"), ("products", "vat_id"),
        ("product_variants", "product_id"),
        ("stocks", "warehouse_id"), ("sales", "party_id"), ("sales", "warehouse_id"),
        ("sales", "payment_type_id"),
        ("sale_items", "sale_id"), ("sale_items", "variant_id"), ("purchases", "party_id"),
        ("purchases", "warehouse_id"), ("purchase_items", "purchase_id"), ("purchase_items", "variant_id"),
        ("due_collects", "party_id"), ("due_collects", "sale_id"), ("due_collects", "payment_type_id"),
    ].map { "CREATE INDEX shop_\($0.0)_\($0.1) ON \($0.0)(\($0.1))" }
}
