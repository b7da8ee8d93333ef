"""Random captions of words, numbers and punctuation."""

import random
from collections.abc import Sequence

RUSSIAN = (
    "автобус автомобиль адрес бордюр ближний боковой велосипед ветер видимость включён водитель возле ворота "
    "впереди время въезд выезд газон гараж главный годовой грузовик груз дальний движение двор дежурный детский "
    "дождь домой дорога досмотр ехать железный забор замечен запрещающий заправка здание зелёный зона исправен "
    "камера километров конец красный крыльцо курьер левый легковой лестница линия машина медленно место метров "
    "минут мост мотоцикл направление ночь номер обгон обочина объект ограждение опасный остановка открыт охрана "
    "очередь парковка пассажир переезд перекрёсток пешеход погрузка подъезд поезд полоса помеха поток правый "
    "превышение проезд проход пустой работы разметка рельсы ремонт рядом сбой светофор северный секунд сигнал "
    "скорость служба снег сообщение состав стоянка стрелка съезд тёмный территория терминал толпа трамвай тротуар "
    "туман улица уборка фаза фара ходить центр цистерна частный человек шлагбаум шоссе щит эвакуатор южный ящик"
)
ENGLISH = (
    "access alarm approach barrier behind bicycle black blocked bridge broken building camera cargo central closed "
    "cleared corner courier crossing crowd damaged dark delivery detected distance door driver eastern empty engine "
    "entrance exit failure fence first fog forklift front gate green guard heavy highway idle inside junction kept "
    "ladder lane large left level light line loading lorry lost main marking metres minutes missing morning motorcycle "
    "moving narrow night north number object office opened outside parking passed passenger path pedestrian platform "
    "police queue quick rail ramp red repair restricted right road roof route safety second sector service shift "
    "side signal slow small snow south speed station stopped storage street switch traffic train truck tunnel turned "
    "unknown vehicle visible visitor waiting warning weather west window wrong yard yellow zone"
)
_NUMBERS_PART = 0.2
_MARKS = (",", ",", ":", ".")
_MARKS_PART = 0.15

_SYLLABLES = (
    "ба бе би бо бу ва ве ви во га го да де до ду жа же за зи зо ка ки ко ку ла ле ли ло лю ма ме ми мо на не ни но ну "
    "па пе пи по ра ре ри ро ру са се си со су та те ти то ту ты фа хо ца че чи ша ши щи эм юн як ай ей ой ст пр ль"
)
_LONGEST_SYLLABLES = 5


def invent_words(random_: random.Random) -> str:
    """Fifty random words."""
    syllables = _SYLLABLES.split()
    return " ".join("".join(random_.choices(syllables, k=random_.randint(1, _LONGEST_SYLLABLES))) for _ in range(50))


def write_caption(words: str, length: int, random_: random.Random) -> str:
    """A caption of words, numbers and punctuation that is at most `length` characters long, and hardly shorter."""
    choices = words.split()
    text = random_.choice(choices).capitalize()
    while True:
        mark = random_.choice(_MARKS) if random_.random() < _MARKS_PART else ""
        longer = f"{text}{mark} {_write_word(choices, random_)}"
        if len(longer) > length:
            return text
        text = longer


def _write_word(words: Sequence[str], random_: random.Random) -> str:
    if random_.random() >= _NUMBERS_PART:
        return random_.choice(words)
    match random_.randrange(3):
        case 0:
            return f"{random_.randrange(24):02}:{random_.randrange(60):02}"
        case 1:
            return f"{random_.randrange(100)}.{random_.randrange(10)}"
        case _:
            return str(random_.randrange(10_000))
