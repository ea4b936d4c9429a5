"""The shipped towns, and spellings of the operator's export and of partners' files."""

from collections import defaultdict

import pytest

from enrollment import towns
from enrollment.towns import TownMatcher, fold, load_regions, load_towns


@pytest.fixture(scope="module")
def matcher() -> TownMatcher:
    return TownMatcher()


def test_every_town_has_three_names_and_a_region() -> None:
    regions = {region.code for region in load_regions()}

    assert len(regions) == 20
    assert len(load_towns()) == len({town.code for town in load_towns()}) == 90
    assert {town.region for town in load_towns()} == regions
    assert all(all((t.name_kk, t.name_ru, t.name_en)) and t.region in regions for t in load_towns())


def test_no_two_towns_share_a_folded_name() -> None:
    owners = defaultdict(set)
    for town in load_towns():
        for name in town.names:
            owners[fold(name)].add(town.code)
            owners[towns.fold_russian(name)].add(town.code)

    assert {key: codes for key, codes in owners.items() if len(codes) > 1} == {}


@pytest.mark.parametrize(
    ("code", "spellings"),
    [
        ("almaty", "Алматы|г.Алматы|алматы|Almaty|Алма-Ата| АЛМАТЫ |г. Алматы|Алматы қаласы|Alma-Ata"),
        ("astana", "Астана|АСТАНА |г. Астана|Нур-Султан|Astana|Нұр-Сұлтан|Целиноград"),
        ("ust-kamenogorsk", "Усть-Каменогорск|Усть–Каменогорск|Өскемен|Усть Каменогорск|Oskemen"),
        ("oral", "Орал|Уральск|Uralsk"),
        ("aktobe", "Актобе|Ақтөбе|Актюбинск"),
        ("petropavl", "Петропавл|Петропавловск"),
        ("kyzylorda", "Қызылорда|Кызылорда|Кзыл-Орда"),
        ("konaev", "Конаев|Қонаев|Капчагай"),
        ("semey", "Семей|Semey|Семипалатинск"),
        ("rudny", "РУДНЫЙ"),
        ("satpaev", "Сатпаев|САТПАЕВ|Сәтбаев"),
        ("shchuchinsk", "ЩУЧИНСК"),
        ("stepnogorsk", "СТЕПНОГОРСК"),
        ("kaskelen", "Каскелен|Қаскелең"),
        ("zhanaozen", "Жанаозен|Жаңаөзен"),
        ("priozersk", "Приозерск|Приозёрск"),
    ],
)  # fmt: skip
def test_it_knows_spellings_of_one_town(matcher: TownMatcher, code: str, spellings: str) -> None:
    assert {matcher.match(spelling) for spelling in spellings.split("|")} == {code}


# Every spelling of the operator's export that means a city, as it stands there; capitals are tried besides.
EXPORT = """
Алматы|г.Алматы|Almaty|Алма-Ата|алматы|Астана|АСТАНА |г. Астана|Astana|Нур-Султан|Шымкент|ШЫМКЕНТ
Актобе|Ақтөбе|Актюбинск
Караганда|КАРАГАНДА|Тараз|ТАРАЗ|Кызылорда|Қызылорда|Павлодар|ПАВЛОДАР|Усть-Каменогорск|Усть–Каменогорск
Өскемен|Семей|Semey|Семипалатинск|Атырау|АТЫРАУ|Уральск|Орал|Актау|АКТАУ|Костанай|КОСТАНАЙ|Туркестан|ТУРКЕСТАН
Петропавловск|Петропавл|Талдыкорган|ТАЛДЫКОРГАН|Кокшетау|КОКШЕТАУ|Темиртау|ТЕМИРТАУ|Экибастуз|ЭКИБАСТУЗ
Рудный|РУДНЫЙ|Каскелен|КАСКЕЛЕН|Жанаозен|ЖАНАОЗЕН|Жезказган|ЖЕЗКАЗГАН|Балхаш|БАЛХАШ|Конаев|Қонаев|Капчагай
Степногорск|СТЕПНОГОРСК|Сатпаев|САТПАЕВ|Щучинск|ЩУЧИНСК|Риддер|РИДДЕР
"""


@pytest.mark.parametrize("name", EXPORT.strip("\n").replace("\n", "|").split("|"))
def test_it_knows_the_names_of_the_export(matcher: TownMatcher, name: str) -> None:
    assert matcher.match(name) is not None
    assert matcher.match(name.upper()) == matcher.match(name)


@pytest.mark.parametrize("town", load_towns(), ids=lambda town: town.code)
def test_it_finds_a_town_by_each_of_its_names(matcher: TownMatcher, town: towns.TownRow) -> None:
    assert {matcher.match(name) for name in town.names} == {town.code}
    assert {matcher.match(towns.fold_russian(name)) for name in town.names} == {town.code}


@pytest.mark.parametrize(
    "name", ["г Алматы", "город Алматы", "Алматы г.", "City of Almaty", "\ufeffАлматы", "Алма\u00adты"]
)
def test_it_sees_through_what_stands_around_a_name(matcher: TownMatcher, name: str) -> None:
    assert matcher.match(name) == "almaty"


@pytest.mark.parametrize(
    "name",
    [
        *["", " ", "-", "—", "г.", "n/a", "auto", "all"],
        *["Moscow", "село Ынтымақ", "село Аксу", "Алматы обл", "Алмаат"],
    ],
)
def test_it_guesses_nothing(matcher: TownMatcher, name: str) -> None:
    assert matcher.match(name) is None


@pytest.mark.parametrize(
    "name",
    ["Казахстан", "Яссы", "Кызылжар", "Жамбыл", "Алексеевка", "Панфилов", "Красноармейск", "Лениногорск"],
)
def test_a_former_name_that_today_means_another_place_is_not_matched(matcher: TownMatcher, name: str) -> None:
    assert matcher.match(name) is None
