"""Words that say what the number behind them is, in the languages most phones speak.

All are folded: lower case, without accents. Those of scripts other than Latin stand in `languages.py`.
"""

from __future__ import annotations


def _words(*lines: str) -> frozenset[bytes]:
    return frozenset(word.encode("ascii") for line in lines for word in line.split())


# A number after one of these is a telephone number unless its shape says otherwise.
PHONE_WORDS = _words(
    "phone phones telephone tel tele mobile mob cell cellphone cellular fax call called calling calls caller recall",
    "text texted texting txt sms mms msg message messages msisdn whatsapp viber telegram signal imessage facetime",
    "ring rang dial dialed dialled dialing contact contacted reach reached answer answering answers voicemail pager",
    "hotline helpline landline handset freephone tollfree desk direct ph cust care custcare",
    "phonenumber phoneno phonenr mobilenumber mobileno cellnumber telno telnr contactno contactnumber faxnumber faxno",
    # Spanish, Portuguese, Italian, French, Romanian
    "telefono telefonos telefone telefones telephone telefon movil movel telemovel celular cellulare portable portatil",
    "llame llama llamar llamame llamenos marca marque contacto contactar contactame fijo fono cel",
    "ligue ligar liga ligo contato zap zapzap fone chiama chiami chiamare chiamate chiamami cellulari recapito",
    "appelez appeler appelle rappeler rappelez joindre joignable fixe contacter contactez telefonul suna sunati telefoane",
    # German, Dutch, Swedish, Danish, Norwegian, Finnish
    "handy rufnummer telefonnummer mobilnummer handynummer handynr telefonnr telnummer rufen anrufen anruf ruft ruf",
    "durchwahl festnetz erreichbar erreichen erreichst kontakt mobil telefonisch",
    "telefoon telefoonnummer mobiel mobieltje bel bellen belt gsm ringa ringe tlf tlph mobilnr telefonnumret",
    "puhelin puhelinnumero puh matkapuhelin soita soittakaa",
    # Polish, Czech, Slovak, Hungarian
    "telefonu telefonem telefony kom komorka komorke komorkowy zadzwon dzwon zadzwoncie volejte zavolejte volej",
    "telefonszam telefonszamom hivj hivjon mobilszam",
    # Turkish
    "telefonu telefonum telefonumuz telefonunuz telefona numaram numaramiz numaraniz numarasi cep cepten ara arayin",
    "arayiniz ariyor iletisim telefonlari",
    # Indonesian, Malay, Vietnamese, Tagalog, Swahili
    "telepon telpon telp hp ponsel hubungi handphone nomorku hubungin thoai sdt dthoai goi zalo lienhe tawagan telepono",
    "simu piga",
)
# A number after one of these is no telephone number, though its shape may fit.
OTHER_NUMBER_WORDS = _words(
    "order orders invoice invoices bill ref reference account acct acc id ids isbn issn ean upc sku asin gtin serial sn",
    "tracking ticket case booking reservation confirmation code codes pin otp zip postcode postal plz version build",
    "transaction txn policy licence license passport imei imsi meid patent item part model vin receipt price release",
    "population timestamp epoch unix doi pmid arxiv date dated lot batch po box barcode parcel package shipment article",
    "membership member registration reg iban bic swift siren siret vat tax ssn votes views followers points score dollars",
    "euros pounds commit hash waybill awb consignment quote voucher coupon customer customerid orderid userid invoiceno",
    "orderno orderid trackingnumber ordernumber accountnumber accountno",
    # Numbers that are drawn, and measures that come in rows
    "bingo lotto lottery lottozahlen loto loteria lotteria tombola keno euromillions eurojackpot powerball jackpot raffle",
    "draw draws drawn winning tirage sorteo sorteos sorteio ziehung gewinnzahlen estrazione trekking dragning",
    "size sizes groesse groessen grosse grossen taille tailles talla tallas tamanho tamanhos taglia taglie maat maten",
    "rozmiar rozmiary beden ukuran storlek page pages seite seiten room rooms seat seats row rows track tracks lane bib",
    # Spanish, Portuguese, Italian, French, Romanian
    "pedido pedidos orden factura facturas guia seguimiento rastreo cuenta codigo recibo dni nif nie cif expediente",
    "referencia poliza fatura encomenda rastreio rastreamento conta cpf cnpj boleto protocolo reserva matricula",
    "ordine ordini fattura spedizione tracciamento conto codice pratica prenotazione commande commandes facture colis",
    "suivi compte dossier comanda colet cont",
    # German, Dutch, Swedish, Danish, Norwegian, Finnish
    "bestellung bestellnummer bestellnr rechnung rechnungsnummer rechnungsnr auftrag auftragsnummer auftragsnr sendung",
    "sendungsnummer sendungsverfolgung paket paketnummer konto kontonummer kunde kundennummer kundennr vorgang",
    "vorgangsnummer aktenzeichen artikel artikelnummer artikelnr steuernummer ticketnummer buchung buchungsnummer",
    "referenz referenznummer vertrag vertragsnummer seriennummer losnummer belegnummer mitgliedsnummer bankleitzahl blz",
    "bestelling bestelnummer ordernummer factuurnummer factuur zending rekening klantnummer bestallning ordrenummer",
    "ordrenr kolli tilaus lasku paketti tili",
    # Polish, Czech, Hungarian, Turkish
    "zamowienie zamowienia zamowien faktura faktury przesylka przesylki rachunek paczka paczki nip pesel regon",
    "objednavka objednavky zasilka zasilky ucet rendeles szamla siparis kargo takip hesap musteri kodu",
    # Indonesian, Vietnamese
    "pesanan faktur resi rekening kode tagihan nik npwp hang vandon",
)
MY_WORDS = _words(
    "my our mi mis mon notre mein meine meiner unsere meu minha mio nostro saya aku kami benim moj moja moje"
)
MY_WORDS |= _words("mijn onze min mitt toi")
NUMBER_WORDS = _words("number numero nummer nomor numer cislo numarul szam so no nr num")
SOCIAL_WORDS = _words("ssn ssns social security ss soc sec ssnnumber ssnno")
IP_WORDS = _words(
    "ip ips ipv4 ipv6 inet inet6 address addr host subnet network gateway dns localhost loopback cidr ipaddress"
)
MAC_WORDS = _words("mac macs hwaddr ether ethernet bssid bluetooth wifi wlan nic hardware macaddress")
VERSION_WORDS = _words(
    "v ver vers version versions release releases build builds firmware update updates upgrade upgraded updated section",
    "chapter clause paragraph android ios kernel driver rev revision oid rv fw patch changelog sdk jdk jre dotnet",
    "chrome chromium crios firefox fxios safari edg edge opr opera webkit applewebkit webview electron cfnetwork dalvik",
    "versionen versione versioni versiones versao versoes versie versies versjon versjoner versija verze verzia verzio",
    "wersja wersji wersje wersja utgave aktualisierung actualizacion atualizacao aggiornamento aktualizacja surum surumu",
    "guncelleme versi versinya ban versiunea versiune versioon versionsnummer",
)
WORDS_AFTER_A_PHONE = _words("office fax mobile cell home work phone tel desk direct landline ext extension mob")
COUNTING_WORDS = _words(
    "number numbers no nr n num nummer nummern numero numeros numeri nomor numer numery cislo is are at on to ist sind es",
    "son est sont e sao sono adalah la sayi lautet",
)
CARD_WORDS = _words(
    "card cards cc visa mastercard master maestro amex debit credit creditcard cardnumber cardno pan karte kreditkarte tarjeta",
    "carte cartao carta kaart kart karta kartu kort kortti",
)
