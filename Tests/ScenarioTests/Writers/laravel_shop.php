<?php
// A Laravel shop at work: statements as Eloquent and Laravel 11's schema builder prepare them, by PDO.
//
//     laravel_shop.php DATABASE seed|change|migrate

$db = new PDO('sqlite:' . $argv[1]);
$db->setAttribute(PDO::ATTR_ERRMODE, PDO::ERRMODE_EXCEPTION);
$db->exec('PRAGMA busy_timeout=20000');
$db->exec('PRAGMA foreign_keys=ON');

function run(string $sql, array $values = []): void
{
    global $db;
    $statement = $db->prepare($sql);
    foreach ($values as $index => $value) {
        $statement->bindValue($index + 1, $value, is_int($value) ? PDO::PARAM_INT : PDO::PARAM_STR);
    }
    $statement->execute();
}

function product(int $business, string $sku, string $name, string $price, ?string $options, ?string $token): void
{
    run(
        'insert into "products" ("business_id", "sku", "name", "price", "options", "api_token", "updated_at",'
        . ' "created_at") values (?, ?, ?, ?, ?, ?, ?, ?)',
        [$business, $sku, $name, $price, $options, $token, '2026-01-03 10:00:00', '2026-01-03 10:00:00']
    );
}

function link_attribute(int $product, int $attribute, int $position): void
{
    run('insert into "product_links" ("product_id", "attribute_id", "position") values (?, ?, ?)',
        [$product, $attribute, $position]);
}

switch ($argv[2]) {
    case 'seed':
        $db->beginTransaction();
        product(1, 'a-1', 'Apple', '1.50', '{"size": "M"}', 'canary-token');
        product(1, 'b-1', 'Bread', '2.00', null, null);
        product(2, 'a-1', 'canary-2', '9.00', null, null);
        link_attribute(1, 7, 2);
        link_attribute(1, 8, 1);
        run('insert into "users" ("business_id", "name", "email", "password") values (?, ?, ?, ?)',
            [1, 'Ann', 'a@x', 'canary-password']);
        $db->commit();
        break;

    case 'change':
        run('update "products" set "price" = ?, "updated_at" = ? where "id" = ?', ['1.75', '2026-01-03 11:00:00', 1]);
        run(
            'insert into "products" ("business_id", "sku", "name") values (?, ?, ?)'
            . ' on conflict ("business_id", "sku") do update set "name" = "excluded"."name"',
            [1, 'b-1', 'Brown bread']
        );
        run('delete from "product_links" where "product_id" = ? and "attribute_id" = ?', [1, 8]);
        run('update "products" set "api_token" = ? where "id" = ?', ['canary-again', 2]);
        break;

    case 'migrate':
        // $table->string('sku', 40)->change(), as Laravel 11 compiles it; then the application goes on at once.
        run('pragma foreign_keys = off');
        run(
            'create table "__temp__products" ("id" integer primary key autoincrement not null,'
            . ' "business_id" integer not null, "sku" varchar(40) not null, "name" varchar not null,'
            . ' "price" numeric not null default \'0\', "is_active" tinyint(1) not null default \'1\','
            . ' "options" text, "api_token" varchar, "created_at" datetime, "updated_at" datetime,'
            . ' "deleted_at" datetime)'
        );
        run('insert into "__temp__products" select * from "products"');
        run('drop table "products"');
        run('alter table "__temp__products" rename to "products"');
        run('create unique index "products_business_id_sku_unique" on "products" ("business_id", "sku")');
        run('pragma foreign_keys = on');
        run('update "products" set "name" = ? where "id" = ?', ['Written unhooked', 2]);
        run('update "products" set "deleted_at" = ? where "id" = ?', ['2026-01-03 12:00:00', 1]);
        // A table that the catalogue called optional until now.
        run('create table "warehouses" ("id" integer primary key, "business_id" integer, "name" varchar,'
            . ' "version" integer, "created_at" datetime, "updated_at" datetime, "deleted_at" datetime)');
        run('insert into "warehouses" ("id", "business_id", "name") values (?, ?, ?)', [4, 1, 'Main']);
        break;
}
