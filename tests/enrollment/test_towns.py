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
    assert len(load_towns()) >= 89
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


@pytest.mark.parametrize(
    "name",
    [
        "Шымкент",
        "Караганда",
        "Тараз",
        "Павлодар",
        "Атырау",
        "Актау",
        "Костанай",
        "Туркестан",
        "Талдыкорган",
        "Кокшетау",
        "Темиртау",
        "Экибастуз",
        "Жезказган",
        "Балхаш",
        "Риддер",
    ],
)
def test_it_knows_the_names_of_the_export(matcher: TownMatcher, name: str) -> None:
    assert matcher.match(name) is not None
    assert matcher.match(name.upper()) == matcher.match(name)


@pytest.mark.parametrize("name", ["", "-", "Moscow", "село Ынтымақ", "Алматы обл", "n/a", "Алмаат"])
def test_it_guesses_nothing(matcher: TownMatcher, name: str) -> None:
    assert matcher.match(name) is None
