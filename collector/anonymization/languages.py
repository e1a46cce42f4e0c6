"""Announcing words of scripts other than Latin, read as the English word that means the same.

So what a number is called decides alike in every language, and the words of a sentence need one list each.
"""

from __future__ import annotations

import re
import unicodedata

import re2

# Written without blanks, or with endings glued on: found wherever they stand.
_ANYWHERE = {
    "phone": (
        "电话 電話 手机 手機 致电 致電 来电 來電 拨打 撥打 座机 热线 熱線 传真 傳真 联系方式 联系我 聯絡我 打给 打給 呼叫 短信 微信 "
        "携帯 ケータイ スマホ 連絡先 ファックス ファクス お電話 전화 휴대폰 핸드폰 연락처 연락 팩스 문자 "
        "โทร มือถือ เบอร์ ໂທ ទូរស័ព្ទ ဖုန်း 📞 📱 ☎ 📲 ☏ 📠"
    ),
    "order": (
        "订单 訂單 单号 單號 快递 快遞 运单 運單 发票 發票 账号 账户 帳號 帳戶 编号 編號 身份证 身分證 验证码 驗證碼 邮编 郵遞區號 学号 "
        "工号 会员 會員 群号 余额 金额 价格 價格 合同 型号 序列号 流水号 条码 彩票 双色球 大乐透 开奖 開獎 尺码 尺寸 注文 伝票 追跡 請求書 口座 "
        "郵便番号 会員 予約 認証コード 型番 問い合わせ番号 宝くじ ロト サイズ 주문 송장 운송장 계좌 우편번호 인증번호 회원 예약 청구서 "
        "학번 사번 로또 사이즈 คำสั่งซื้อ พัสดุ ใบแจ้งหนี้ เลขที่บัญชี"
    ),
    "card": "信用卡 银行卡 銀行卡 卡号 卡號 カード 카드 บัตร",
    "version": "版本 バージョン 版数 버전 เวอร์ชัน เวอร์ชั่น 固件 ビルド",
    "my": "我的 我們的 我们的 私の わたしの",
    "number": "号码 號碼 番号 번호 หมายเลข",
    "address": "地址 アドレス 주소",
    "is": "是 は 는 은 คือ",
}
# Written with blanks: found where a word begins, and read with its ending.
_AT_WORD_START = {
    "phone": (
        # Russian, Ukrainian, Bulgarian, Serbian
        "телефон тел моб мобил мобіл сотов звон звін позвон позвін дзвон задзвон зателефон набер набир вотсап ватсап вацап "
        "вайбер факс контакт обад позов связь связат "
        "τηλεφων τηλ κινητ καλεσ σταθερ φαξ επικοινων "
        # Arabic, Persian, Urdu
        "هاتف هواتف جوال موبايل تلفون تليفون محمول اتصل واتس فاكس للتواصل رقمي تلفن تماس موبایل همراه فون موبائل کال رابطہ واٹس "
        "טלפון נייד הנייד פלאפון התקשר חייג "
        # Hindi, Marathi, Bengali, Tamil, Telugu, Gujarati, Punjabi, Kannada, Malayalam
        "फोन फ़ोन मोबाइल मोबाईल दूरभाष कॉल संपर्क सम्पर्क व्हाट्स टेलीफोन ফোন মোবাইল কল যোগাযোগ টেলিফোন হোয়াটস "
        "தொலைபேசி போன் மொபைல் అలైపేసి ఫోన్ మొబైల్ ફોન મોબાઇલ ਫੋਨ ਫ਼ੋਨ ਮੋਬਾਈਲ ಫೋನ್ ಮೊಬೈಲ್ ഫോൺ മൊബൈൽ "
        "ტელეფონ მობილურ հեռախոս"
    ),
    "order": (
        "заказ накладн счет счёт трек отправлен посылк инн снилс огрн кпп бик паспорт договор код индекс квитанц билет брон "
        "артикул чек серийн полис лицев замовлен рахун поръчк фактур лото тираж размер "
        "παραγγελ τιμολογ αποστολ κωδικ λογαριασμ αφμ λοττο μεγεθ "
        "طلب فاتور حساب شحن تتبع رمز هوية حجز سفارش فاکتور سفارشات کد آرڈر بل اکاؤنٹ יانصيب "
        "הזמנה חשבונית משלוח חשבון "
        "ऑर्डर आर्डर बिल खाता खाते आधार पिन कोड इनवॉइस टिकट चालान अर्डर অর্ডার বিল হিসাব কোড চালান ইনভয়েস লটারি लॉटरी"
    ),
    "card": "карт карточк картк κάρτα بطاقة کارت کارڈ कार्ड কার্ড כרטיס",
    "version": "верси верс сборк релиз обновлен прошивк версі издани εκδοσ إصدار نسخ ورژن संस्करण वर्जन সংস্করণ ভার্সন גרסה",
    "number": "номер номір число αριθμ رقم نمبر شماره नंबर नम्बर নম্বর নাম্বার מספר எண்",
    "my": "мой моя мои моего мій μου मेरा मेरे আমার میرا میری 내 제 저의 나의",
    "is": "это είναι ειναι هو है হল ہے",
}
# Letters that carry no accent to be taken off.
_PLAIN_LETTERS = str.maketrans("ıłđøæœþ", "ildoaot")
# What words are parted by within themselves; in Arabic, what is written before them: and, the, by, for.
_ARABIC_PREFIX = "(?:[وبفل]?(?:ال|لل)?)"


def folded(text: str) -> str:
    """Lower case, without accents, marks and invisible characters, wide forms plain.

    >>> folded("Téléfono ＴＥＬ")
    'telefono tel'
    """
    parts = unicodedata.normalize("NFKD", text.casefold()).translate(_PLAIN_LETTERS)
    return "".join([part for part in parts if unicodedata.category(part) not in ("Mn", "Cf")])


def _stems(meanings: dict[str, str]) -> dict[str, str]:
    return {folded(stem): meaning for meaning, stems in meanings.items() for stem in stems.split()}


def _any_of(stems: dict[str, str]) -> str:
    """Longer ones first, so that none is hidden by its beginning."""
    return "|".join(re.escape(stem) for stem in sorted(stems, key=len, reverse=True))


_STEMS_ANYWHERE = _stems(_ANYWHERE)
_STEMS_AT_START = _stems(_AT_WORD_START)
_FOUND_ANYWHERE = re2.compile(f"({_any_of(_STEMS_ANYWHERE)})")
_FOUND_AT_START = re2.compile(rf"(^|[^\p{{L}}\p{{M}}]){_ARABIC_PREFIX}({_any_of(_STEMS_AT_START)})[\p{{L}}\p{{M}}]*")


# What parts the members of a list, and nothing.
LIST_LINKS = frozenset(
    folded(word)
    for word in [
        "και",
        "ή",
        "и",
        "или",
        "та",
        "або",
        "і",
        "و",
        "أو",
        "یا",
        "اور",
        "और",
        "या",
        "এবং",
        "অথবা",
        "বা",
        "和",
        "或",
        "及",
        "跟",
        "、",
        "，",
        "と",
        "か",
        "와",
        "과",
        "및",
        "또는",
        "และ",
        "หรือ",
    ]
)


def in_english(text: str) -> str:
    """The text, folded, with each announcing word that is known as the English one.

    >>> in_english("мой телефон:").split()
    ['my', 'phone', ':']
    """
    plain = folded(text)
    if plain.isascii():
        return plain
    plain = _FOUND_AT_START.sub(lambda found: f"{found[1]} {_STEMS_AT_START[found[2]]} ", plain)
    return str(_FOUND_ANYWHERE.sub(lambda found: f" {_STEMS_ANYWHERE[found[1]]} ", plain))
